// Shows the request as a program, in the language that was chosen, with a button that copies it.

import { copyButton } from "../copy.js";
import { h } from "../dom.js";
import { tabs } from "../tabs.js";
import { LANGUAGES } from "./code.js";
import { missing, toRequest } from "./request.js";

export function codePanel(state) {
  const code = h("code", { id: "code" });
  let language = LANGUAGES[0];
  const choice = tabs("Language", LANGUAGES, (id) => {
    language = LANGUAGES.find((each) => each.id === id);
    write();
  });
  choice.panel.append(h("pre", {}, code));

  function write() {
    const now = state.get();
    const lacking = now.model && missing(now);
    code.textContent = !now.model || lacking ? (lacking ?? "") : language.write(toRequest(now), `${location.origin}/v1`);
  }

  choice.select(language.id);
  state.listen(write);
  return h(
    "section",
    { class: "card code", "aria-labelledby": "code-title" },
    h("div", { class: "row" }, h("h2", { id: "code-title" }, "This request"), choice.list, copyButton(code)),
    choice.panel,
  );
}
