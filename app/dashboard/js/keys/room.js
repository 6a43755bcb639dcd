// Every API key, what it may do and what it has spent. For admins: to others the API says so.

import { call, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { checkbox } from "../fields.js";
import { keepFocus } from "../focus.js";
import { session } from "../session.js";
import { table } from "../table.js";
import { createKey } from "./form.js";
import { keyRow, COLUMNS } from "./row.js";

export function keysView(where, signal) {
  const told = h("p", { class: "muted", role: "status" }, "Loading …");
  const list = table("API keys", COLUMNS);
  const { box: revoked, element: choice } = checkbox("show-revoked", "Show revoked keys");
  const make = h("button", { type: "button", class: "primary", hidden: true, onclick: () => createKey(load, session.open && !keys.length) }, "New key");
  let keys = [];

  function show() {
    const shown = keys.filter((key) => revoked.checked || key.revoked_at === null);
    keepFocus(list.body, () => replace(list.body, shown.map((key) => keyRow(list, key, load))));
    list.element.hidden = !shown.length;
    choice.hidden = keys.every((key) => key.revoked_at === null);
    told.textContent = shown.length ? "" : keys.length ? "All keys are revoked." : "No key has been made here yet.";
  }

  async function load() {
    try {
      ({ data: keys } = await call("GET", "/v1/keys", { signal }));
      make.hidden = false;
      show();
    } catch (error) {
      if (signal.aborted) return;
      replace(told, h("span", { class: "error", role: "alert" }, reason(error)));
    }
  }

  choice.hidden = true;
  list.element.hidden = true;
  revoked.addEventListener("change", show);
  load();
  return h("div", { class: "page" }, h("div", { class: "row" }, h("h1", {}, "Keys"), make), told, choice, list.element);
}
