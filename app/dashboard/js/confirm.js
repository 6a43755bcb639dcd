// Asks before something is done that cannot be undone.

import { h } from "./dom.js";

export function confirm(question, detail, yes, no) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "question", onclose: () => finish() },
      h("h2", { id: "question" }, question),
      h("p", { class: "muted" }, detail),
      h(
        "div",
        { class: "row end" },
        h("button", { type: "button", onclick: () => dialog.close("no") }, no),
        h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, yes),
      ),
    );
    function finish() {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }
    document.body.append(dialog);
    dialog.showModal();
  });
}
