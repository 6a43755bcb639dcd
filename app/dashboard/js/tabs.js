// Tabs, by the pattern of the ARIA Authoring Practices: arrow keys move, one tab stop.

import { h } from "./dom.js";

export function tabs(label, names, onselect) {
  const panel = h("div", { role: "tabpanel", class: "tab-panel", id: "tab-panel", tabindex: "0" });
  const buttons = names.map(({ id, name }) =>
    h("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": "tab-panel", onclick: () => select(id) }, name),
  );
  const list = h("div", { role: "tablist", "aria-label": label, onkeydown: (event) => move(event) }, buttons);

  function select(id) {
    for (const button of buttons) {
      const chosen = button.id === `tab-${id}`;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `tab-${id}`);
    onselect(id);
  }

  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    buttons[next].focus();
    buttons[next].click();
  }

  return { list, panel, select };
}
