// One key in the table: who holds it, its money, its limits, its days, and what can be done with it.

import { stateOf } from "../budget.js";
import { h } from "../dom.js";
import { money, plural } from "../format.js";
import { when } from "../when.js";
import { cancelWork, revoke, rotate } from "./actions.js";
import { changeKey } from "./form.js";

export const COLUMNS = ["Key", "Budget", "Limits", "Last used", "Expires", "Actions"];

const PERIODS = { total: "in total", day: "per day", month: "per month" };

export function keyRow(list, key, onChange) {
  return list.row(
    [
      [h("strong", {}, key.name), h("p", { class: "hint" }, `${key.role} · `, h("code", {}, `${key.prefix}…`)), h("p", { class: "hint" }, "made ", when(key.created_at))],
      budget(key),
      limits(key),
      key.last_used_at ? when(key.last_used_at) : h("span", { class: "muted" }, "never"),
      ends(key),
      h("div", { class: "row actions" }, buttons(key, onChange)),
    ],
    { id: key.id },
  );
}

function budget(key) {
  const spent = key.spent_usd ? money(key.spent_usd) : "$0";
  const reserved = key.reserved_usd ? h("p", { class: "hint" }, `${money(key.reserved_usd)} reserved`) : null;
  if (key.budget_usd === null) return [h("p", {}, `${spent} spent`), reserved, h("p", { class: "hint" }, "no limit")];
  const limit = key.budget_usd ? money(key.budget_usd) : "$0";
  const state = stateOf({ limit: key.budget_usd, spent: key.spent_usd, reserved: key.reserved_usd });
  const told = `${spent} of ${limit} ${PERIODS[key.budget_period]}`;
  return [h("p", {}, state ? h("strong", { class: "error" }, `${state}: `) : null, told), bar(key, state), reserved];
}

// What is said above it in words.
function bar({ spent_usd: spent, reserved_usd: reserved, budget_usd: limit }, state) {
  const share = (amount) => `${limit ? Math.min(100, (amount / limit) * 100) : 100}%`;
  const parts = [spent, reserved].map((amount, place) => {
    const part = h("span", { class: place ? "reserved" : "spent" });
    part.style.width = share(amount);
    return part;
  });
  return h("div", { class: state ? "budget short" : "budget", "aria-hidden": "true" }, parts);
}

function limits(key) {
  const known = [
    key.requests_per_minute && `${plural(key.requests_per_minute, "request")} a minute`,
    key.max_concurrent && `${plural(key.max_concurrent, "output")} at a time`,
    key.models && `models: ${key.models.join(", ")}`,
    key.providers && `providers: ${key.providers.join(", ")}`,
    key.allow_unpriced && "also what has no price",
  ].filter(Boolean);
  if (!known.length) return h("span", { class: "muted" }, "none");
  return h("ul", { class: "limits" }, known.map((text) => h("li", {}, text)));
}

function ends(key) {
  if (key.revoked_at !== null) return ["revoked ", when(key.revoked_at)];
  const over = (unix) => unix * 1000 <= Date.now();
  const old = key.previous_expires_at;
  return [
    key.expires_at === null ? h("span", { class: "muted" }, "never") : h("p", { class: over(key.expires_at) ? "error" : null }, over(key.expires_at) ? "expired " : null, when(key.expires_at)),
    old === null || over(old) ? null : h("p", { class: "hint" }, "old secret ends ", when(old)),
  ];
}

function buttons(key, onChange) {
  const button = (name, onclick) => h("button", { type: "button", class: "quiet", "aria-label": `${name} ${key.name}`, onclick }, name);
  if (key.revoked_at !== null) return button("Cancel its work", () => cancelWork(key, onChange));
  return [
    button("Change", () => changeKey(key, onChange)),
    button("Rotate", () => rotate(key, onChange)),
    button("Revoke", () => revoke(key, onChange)),
  ];
}
