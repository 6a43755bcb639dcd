// The form that asks for an API key.

import { reason } from "./api.js";
import { h } from "./dom.js";
import { signIn } from "./session.js";

export function loginView(onSignedIn) {
  const key = h("input", {
    id: "api-key",
    name: "api-key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "login-help login-error",
  });
  const problem = h("p", { id: "login-error", class: "error", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, "Sign in");

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      await signIn(key.value.trim());
      key.value = "";
      onSignedIn();
    } catch (error) {
      problem.textContent = reason(error);
      key.setAttribute("aria-invalid", "true");
      key.focus();
    } finally {
      button.disabled = false;
    }
  }

  return h(
    "section",
    { class: "login card", "aria-labelledby": "login-title" },
    h("h1", { id: "login-title" }, "Sign in"),
    h(
      "form",
      { onsubmit: submit, novalidate: true },
      h("label", { for: "api-key" }, "API key"),
      key,
      problem,
      button,
    ),
    h(
      "p",
      { id: "login-help", class: "muted" },
      "The key is exchanged for a session of twelve hours and is not kept in the browser. An operator makes one with ",
      h("code", {}, "reelgate keys create NAME"),
      ", an admin's with ",
      h("code", {}, "--admin"),
      ".",
    ),
  );
}
