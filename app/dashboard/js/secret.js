// Shows a secret once. It is in the page for as long as this dialog is open, and nowhere else.

import { copyButton } from "./copy.js";
import { h } from "./dom.js";

export function showSecret(title, detail, secret) {
  return new Promise((resolve) => {
    const code = h("code", { class: "secret", tabindex: "0", "aria-label": "Secret" }, secret);
    const done = h("button", { type: "button", class: "primary", onclick: () => leave() }, "Done");
    const dialog = h(
      "dialog",
      // Escape is pressed too easily for something that is not shown again. Not every browser knows closedby.
      { class: "asks", closedby: "none", "aria-labelledby": "secret-title", oncancel: (event) => event.preventDefault(), onclose: finish },
      h("h2", { id: "secret-title" }, title),
      h("p", { class: "muted" }, detail),
      code,
      h("div", { class: "row end" }, copyButton(code), done),
    );

    function leave() {
      dialog.close();
      finish(); // at once: the event comes a moment later
    }

    function finish() {
      dialog.remove();
      resolve();
    }

    document.body.append(dialog);
    dialog.showModal();
  });
}
