// The form of a key: made anew, or changed. A change sends what was changed and nothing else.

import { call, reason, signals } from "../api.js";
import { askFor } from "../dialog.js";
import { h } from "../dom.js";
import { checkbox, field, group, select, several } from "../fields.js";
import { listModels } from "../models.js";
import { toast } from "../notify.js";
import { signIn } from "../session.js";
import { showKey } from "./actions.js";

const ROLES = [
  ["member", "member: makes videos"],
  ["reader", "reader: looks, makes and changes nothing"],
  ["admin", "admin: also manages keys and submissions"],
];
const PERIODS = [
  ["total", "in total"],
  ["day", "per day (UTC)"],
  ["month", "per month (UTC)"],
];
const FRESH = { name: "", role: "member", budget_period: "total", models: null, providers: null, allow_unpriced: false };

const CLOSES =
  "The first key closes the gateway: from then on every request needs one, unless REELGATE_AUTH is off. So it has to be an admin key. You stay here, signed in with it.";

// `first`: the gateway is open, and this ends that.
export async function createKey(onChange, first) {
  const form = await fieldsOf(first ? { ...FRESH, role: "admin" } : FRESH);
  const made = await askFor({
    title: first ? "The first key" : "New key",
    detail: first ? CLOSES : null,
    content: form.content,
    yes: "Make key",
    work: async () => {
      const key = await call("POST", "/v1/keys", { json: form.read() });
      if (first) await signIn(key.key).catch(() => {}); // the next request finds that nobody is signed in, and says so
      return key;
    },
  });
  if (!made) return;
  await showKey(made, "The new key");
  if (first) signals.dispatchEvent(new Event("signed-in"));
  else onChange();
}

export async function changeKey(key, onChange) {
  const form = await fieldsOf(key);
  const before = form.read();
  const done = await askFor({
    title: `Change “${key.name}”`,
    detail: "It holds from the next request on. What was spent stays.",
    content: form.content,
    yes: "Save",
    work: async () => {
      const now = Object.entries(form.read()).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
      return call("PATCH", `/v1/keys/${key.id}`, { json: Object.fromEntries(now) });
    },
  });
  if (!done) return;
  toast("The key is changed.");
  onChange();
}

async function fieldsOf(key) {
  const listed = await listModels().catch((error) => {
    toast(reason(error));
    return [];
  });
  const known = (names, chosen) => [...new Set([...names, ...(chosen ?? [])])].sort();
  const text = (id, value, props = {}) => h("input", { id, autocomplete: "off", spellcheck: "false", value: value ?? "", ...props });
  const name = text("key-name", key.name);
  const role = select("key-role", ROLES, key.role);
  const budget = text("key-budget", key.budget_usd, { inputmode: "decimal", placeholder: "no limit" });
  const period = select("key-period", PERIODS, key.budget_period);
  const unpriced = checkbox("key-unpriced", "Also what has no price", key.allow_unpriced, "Under a budget it is refused otherwise.");
  const rate = text("key-rate", key.requests_per_minute, { inputmode: "numeric", placeholder: "no limit" });
  const concurrent = text("key-concurrent", key.max_concurrent, { inputmode: "numeric", placeholder: "no limit" });
  const models = several("key-models", known(listed.map(({ id }) => id), key.models), key.models ?? []);
  const providers = several("key-providers", known(listed.flatMap((model) => model.providers), key.providers), key.providers ?? []);
  const expires = h("input", { id: "key-expires", type: "datetime-local", value: key.expires_at ? localTime(key.expires_at) : "" });
  return {
    content: [
      field("name", "Name", name),
      field("role", "Role", role),
      h("div", { class: "pair" }, field("budget_usd", "Budget in dollars", budget), field("budget_period", "The budget is", period)),
      h("div", { "data-param": "allow_unpriced" }, unpriced.element, h("p", { class: "error" })),
      h(
        "div",
        { class: "pair" },
        field("requests_per_minute", "Requests a minute", rate),
        field("max_concurrent", "Outputs at a time", concurrent),
      ),
      group("models", "Models", models.element, "None chosen: all of them."),
      group("providers", "Providers", providers.element, "None chosen: all of them."),
      field("expires_at", "Expires", expires, "In your own time zone. Empty: never."),
    ],
    read: () => ({
      name: name.value.trim(),
      role: role.value,
      budget_usd: number(budget),
      budget_period: period.value,
      allow_unpriced: unpriced.box.checked,
      requests_per_minute: number(rate),
      max_concurrent: number(concurrent),
      models: models.read().length ? models.read() : null,
      providers: providers.read().length ? providers.read() : null,
      expires_at: unix(expires),
    }),
  };
}

// What is no number is sent as it was written: an error is better than no limit.
function number(input) {
  const written = input.value.trim();
  if (!written) return null;
  return Number.isFinite(Number(written)) ? Number(written) : written;
}

function unix(input) {
  if (input.validity.badInput) throw Object.assign(new Error("Fill in the whole date and time, or none of it."), { param: "expires_at" });
  return input.value ? Math.floor(new Date(input.value).getTime() / 1000) : null;
}

function localTime(seconds) {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}
