// A dialog that asks for something and has it done; it stays open, with what is wrong, until that has worked.

import { h } from "./dom.js";
import { clearProblems, problemLine, showProblem } from "./fields.js";

// `work` does it and may throw; null from it means: not yet. Resolves to what it returned, or to null if one left.
export function askFor({ title, detail, content = [], yes, danger = false, work }) {
  return new Promise((resolve) => {
    let result = null;
    const button = h("button", { class: danger ? "danger" : "primary", type: "submit" }, yes);
    const form = h(
      "form",
      { novalidate: true, onsubmit: submit },
      h("h2", { id: "dialog-title" }, title),
      detail ? h("p", { class: "muted" }, detail) : null,
      content,
      problemLine(),
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => leave() }, "Cancel"), button),
    );
    const dialog = h("dialog", { class: "asks", "aria-labelledby": "dialog-title", oncancel: leave, onclose: finish }, form);

    async function submit(event) {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      clearProblems(form);
      try {
        result = await work();
        if (result !== null) dialog.close();
      } catch (error) {
        showProblem(form, error);
      } finally {
        button.disabled = false;
      }
    }

    // Not while it is being done: what comes of it, a secret perhaps, would be lost.
    function leave(event) {
      event?.preventDefault();
      if (!button.disabled) dialog.close();
    }

    function finish() {
      removeEventListener("hashchange", leave);
      dialog.remove();
      resolve(result);
    }

    addEventListener("hashchange", leave); // nobody asks for it any more
    document.body.append(dialog);
    dialog.showModal();
  });
}
