// What is left of each budget: of every live key for an admin, of one's own for everybody else.

import { call } from "../api.js";
import { shareOf, stateOf } from "../budget.js";
import { h } from "../dom.js";
import { money, moment, plural } from "../format.js";
import { session } from "../session.js";

const PERIODS = { day: "today", month: "this month", total: "in all" };

export async function budgets(named, signal) {
  return session.role === "admin" ? ofAll(await named) : ofOne(await call("GET", "/v1/balance", { signal }));
}

function ofAll(keys) {
  const live = keys.filter(({ revoked_at: revoked, expires_at: ends }) => !revoked && (!ends || ends * 1000 > Date.now()));
  const limited = live.filter(({ budget_usd: budget }) => budget !== null);
  const all = limited.map((key) => {
    const { name, budget_usd: limit, spent_usd: spent, reserved_usd: reserved, budget_period: period } = key;
    return { name, limit, spent, reserved, period };
  });
  all.sort((one, other) => shareOf(other) - shareOf(one));
  const free = live.length - limited.length;
  return [
    all.length ? h("ul", { class: "budgets" }, all.map(budget)) : null,
    free || !all.length ? h("p", { class: "hint" }, free ? `${plural(free, "key")} ${free === 1 ? "has" : "have"} no budget.` : "There are no keys.") : null,
  ];
}

function ofOne({ limit, spent, reserved, period, resets_at: resets }) {
  if (limit === null) return h("p", { class: "muted" }, `Your key has no budget. It has spent ${amount(spent)} so far.`);
  const own = budget({ name: session.name ?? "Your key", limit, spent, reserved, period });
  return h("ul", { class: "budgets" }, own, resets ? h("li", { class: "hint" }, `It begins anew at ${moment(resets)}.`) : null);
}

function budget(one) {
  const { name, limit, spent, reserved, period } = one;
  const part = (value, kind) => {
    const bar = h("span", { class: kind });
    bar.style.width = `${limit ? Math.min(100, (value / limit) * 100) : 100}%`;
    return bar;
  };
  const told = `${amount(spent)} of ${amount(limit)} ${PERIODS[period]}${reserved ? `, ${amount(reserved)} reserved` : ""}`;
  const state = stateOf(one);
  const meter = { role: "meter", "aria-label": name, "aria-valuemin": "0", "aria-valuemax": String(limit), "aria-valuenow": String(Math.min(limit, spent + reserved)) };
  return h(
    "li",
    { class: state ? "short" : null },
    h("p", { class: "row" }, h("strong", {}, name), h("span", {}, state ? h("strong", { class: "error" }, `${state}: `) : null, told)),
    h("div", { ...meter, class: "meter", "aria-valuetext": told }, part(spent, "is-spent"), part(reserved, "is-reserved")),
  );
}

const amount = (dollars) => (dollars ? money(dollars) : "$0");
