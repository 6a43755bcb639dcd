// A row of choices, of which one holds: radio buttons, so that arrow keys and screen readers know what to do.

import { h, replace } from "./dom.js";

export function choices({ legend, name, onchange, draw = () => null }) {
  const row = h("div", { class: "choices" });
  const set = h("fieldset", { class: "field" }, h("legend", {}, legend), row);
  let shown = "";

  // options: [{ value, label, hint }]
  set.show = (options, chosen) => {
    const wanted = JSON.stringify([options, chosen]);
    if (wanted === shown) return;
    shown = wanted;
    const focused = row.contains(document.activeElement);
    replace(
      row,
      options.map(({ value, label, hint }) =>
        h(
          "label",
          { class: "choice", title: hint },
          h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchange(value) }),
          draw(value),
          h("span", {}, label),
        ),
      ),
    );
    set.hidden = options.length < 2;
    if (focused) row.querySelector("input:checked")?.focus();
  };
  return set;
}
