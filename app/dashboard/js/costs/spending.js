// What was spent in a time: in all, as a chart, and as a table.

import { bars, columns } from "../chart.js";
import { h } from "../dom.js";
import { money, plural, span } from "../format.js";
import { longDay, shortDay } from "./days.js";

const TITLES = { day: "Spend by day", model: "Spend by model", provider: "Spend by provider", key: "Spend by key" };
const MOST = 12; // bars; the table has them all
const OWNERS = { admin: "The settings' admin key", open: "Everybody, without a key" };

// data: what /v1/usage says, grouped `by`; days: those that were asked for; names: of keys, by id.
export function spending(by, data, days, names) {
  const total = sum(data);
  const rows = data.map((each) => ({ ...each, name: by === "key" ? (names.get(each.key) ?? OWNERS[each.key] ?? each.key) : each[by] }));
  const told = `${total.cost ? money(total.cost) : "Nothing"} spent in ${days.length} days.`;
  const table = by === "day" ? rows.map((row) => ({ ...row, name: longDay(row.day) })).reverse() : rows.sort(costliest);
  const elements = [
    totals(total),
    h(
      "section",
      { class: "card", "aria-labelledby": "spend" },
      h("h2", { id: "spend" }, TITLES[by], by === "day" ? h("span", { class: "hint" }, " (days of UTC)") : null),
      total.cost ? draw(by, rows, days) : h("p", { class: "muted" }, data.length ? "Everything in this time was free." : "Nothing was made in this time."),
      data.length ? figures(by, table, total) : null,
    ),
  ];
  return { elements, told };
}

function totals({ cost, outputs, seconds }) {
  const tile = (name, value) => h("div", { class: "card" }, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "tiles" },
    tile("Spent", cost ? money(cost) : "$0"),
    tile("Outputs made", String(outputs)),
    tile("Length", lasts(seconds)),
    tile("On average", outputs ? money(cost / outputs) : "–"),
  );
}

function draw(by, rows, days) {
  if (by === "day") {
    const known = new Map(rows.map((row) => [row.day, row]));
    const points = days.map((day) => {
      const row = known.get(day) ?? { cost: 0, outputs: 0 };
      return { label: shortDay(day), value: row.cost, told: say(longDay(day), row) };
    });
    return columns(TITLES.day, points, axis);
  }
  const shown = rows.filter(({ cost }) => cost > 0).sort(costliest);
  const points = shown.slice(0, MOST).map((row) => ({ label: row.name, value: row.cost, told: say(row.name, row) }));
  const more = shown.length > MOST ? h("p", { class: "hint" }, `${shown.length - MOST} more are in the table.`) : null;
  return h("div", {}, bars(TITLES[by], points, money), more);
}

function figures(by, rows, total) {
  const line = ({ name, outputs, seconds, cost }) =>
    h("tr", {}, h("th", { scope: "row" }, name), [String(outputs), lasts(seconds), money(cost)].map((each) => h("td", {}, each)));
  const head = [by[0].toUpperCase() + by.slice(1), "Outputs", "Length", "Cost"].map((each) => h("th", { scope: "col" }, each));
  return h(
    "details",
    { class: "figures", open: by !== "day" },
    h("summary", {}, "Figures"),
    h(
      "table",
      {},
      h("caption", { class: "visually-hidden" }, TITLES[by]),
      h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, rows.map(line)),
      h("tfoot", {}, line({ ...total, name: "Total" })),
    ),
  );
}

function sum(data) {
  const total = { cost: 0, outputs: 0, seconds: 0 };
  for (const each of data) for (const name of Object.keys(total)) total[name] += each[name];
  return total;
}

const say = (name, { cost, outputs }) => `${name}: ${cost ? money(cost) : "$0"}, ${plural(outputs, "output")}`;
const lasts = (seconds) => (seconds ? span(seconds) : "–");

// Whole dollars where every mark is whole; else cents, and as many more decimals as the step between two marks has.
function axis(value, step) {
  const decimals = step.toFixed(6).replace(/0+$/, "").split(".")[1].length;
  return `$${value.toFixed(decimals && Math.max(2, decimals))}`;
}
const costliest = (one, other) => other.cost - one.cost;
