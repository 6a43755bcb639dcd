// What was spent: over days, and by model, provider and key; and what is left of the budgets.

import { call, query, reason } from "../api.js";
import { choices } from "../choices.js";
import { h, replace } from "../dom.js";
import { announce } from "../notify.js";
import { note } from "../router.js";
import { session } from "../session.js";
import { budgets } from "./budgets.js";
import { lastDays, startOf } from "./days.js";
import { spending } from "./spending.js";

const RANGES = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"]];
const GROUPS = [["day", "Day"], ["model", "Model"], ["provider", "Provider"], ["key", "Key"]];

export function costsView(where, signal) {
  const groups = GROUPS.filter(([value]) => value !== "key" || session.role === "admin");
  const asked = (name, options, usual) => {
    const wanted = where.query.get(name);
    return options.some(([value]) => value === wanted) ? wanted : usual;
  };
  const chosen = { days: asked("days", RANGES, "30"), by: asked("by", groups, "day") };
  const range = choices({ legend: "Time", name: "days", onchange: (days) => choose({ days }) });
  const group = choices({ legend: "By", name: "by", onchange: (by) => choose({ by }) });
  const spent = h("div", { class: "spending" }, h("p", { class: "muted" }, "Loading …"));
  const left = h("div", {});
  const named = keyNames(signal);

  function choose(change) {
    Object.assign(chosen, change);
    note(`costs${query(chosen)}`);
    range.show(optionsOf(RANGES), chosen.days);
    group.show(optionsOf(groups), chosen.by);
    load().catch((error) => fail(spent, error));
  }

  async function load() {
    const { days, by } = { ...chosen };
    const span = lastDays(Number(days));
    const { data } = await call("GET", `/v1/usage${query({ group_by: by, start: startOf(span[0]) })}`, { signal });
    const names = by === "key" ? new Map((await named).map(({ id, name }) => [id, name])) : new Map();
    if (days !== chosen.days || by !== chosen.by) return;
    const shown = spending(by, data, span, names);
    replace(spent, shown.elements);
    announce(shown.told);
  }

  function fail(place, error) {
    if (!signal.aborted) replace(place, h("p", { class: "error", role: "alert" }, reason(error)));
  }

  choose({});
  budgets(named, signal).then((shown) => replace(left, shown), (error) => fail(left, error));
  return h(
    "div",
    { class: "page" },
    h("h1", {}, "Costs"),
    h("div", { class: "switches" }, range, group),
    spent,
    h("section", { class: "card", "aria-labelledby": "budgets" }, h("h2", { id: "budgets" }, "Budgets"), left),
  );
}

const optionsOf = (pairs) => pairs.map(([value, label]) => ({ value, label }));

// Every key, for those who may see them.
async function keyNames(signal) {
  if (session.role !== "admin") return [];
  return (await call("GET", "/v1/keys", { signal })).data;
}
