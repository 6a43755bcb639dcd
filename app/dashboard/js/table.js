// A table that becomes a list of cards where it does not fit. Roles are written out, because such CSS takes them away.

import { h } from "./dom.js";

// `columns` are their names; of the last, which holds buttons, only screen readers hear it.
export function table(label, columns) {
  const names = columns.map((name, place) =>
    h("th", { role: "columnheader", scope: "col" }, h("span", { class: place === columns.length - 1 ? "visually-hidden" : null }, name)),
  );
  const body = h("tbody", { role: "rowgroup" });
  const element = h(
    "table",
    { class: "table", role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, names)),
    body,
  );
  const row = (cells, props = {}) =>
    h("tr", { role: "row", ...props }, cells.map((cell, place) => h("td", { role: "cell", "data-label": columns[place] }, cell && h("div", {}, cell))));
  return { element, body, row };
}
