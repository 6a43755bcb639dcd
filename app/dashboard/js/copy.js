// A button that copies the text of an element.

import { h } from "./dom.js";
import { announce } from "./notify.js";

const TOLD_MS = 2000;

export function copyButton(element) {
  const button = h("button", { type: "button", class: "quiet", onclick: take }, "Copy");

  async function take() {
    try {
      await navigator.clipboard.writeText(element.textContent);
      announce("Copied.");
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), TOLD_MS);
    } catch {
      getSelection().selectAllChildren(element); // no clipboard without https: one keystroke away
    }
  }

  return button;
}
