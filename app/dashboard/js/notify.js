// Tells of what happens: to screen readers, and to everybody by a message that goes away.

import { h } from "./dom.js";

const SHOWN_MS = 6000;

export function announce(text) {
  document.getElementById("live").textContent = text;
}

export function toast(text) {
  if (!text) return;
  const message = h("p", { class: "toast" }, text);
  document.getElementById("toasts").append(message);
  announce(text);
  setTimeout(() => message.remove(), SHOWN_MS);
}
