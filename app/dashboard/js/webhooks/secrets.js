// Secrets that sign: rotating one, and the one that signs what goes to the webhook_url of requests.

import { call, reason } from "../api.js";
import { askFor } from "../dialog.js";
import { h } from "../dom.js";
import { checkbox } from "../fields.js";
import { toast } from "../notify.js";
import { showSecret } from "../secret.js";
import { mayWrite } from "../session.js";

const SECRET = "/v1/webhooks/secret";

// Resolves to the API's answer, or to null if one left.
export function askToRotate(title, path) {
  const { box, element } = checkbox("keep-old", "Sign with the old secret, too, for a day", true, "so that no event is refused meanwhile.");
  return askFor({
    title,
    detail: "If the old one may have leaked, do not let it sign any longer.",
    content: element,
    yes: "Rotate",
    danger: true,
    work: () => call("POST", path, { json: { keep_old_secret_active_for_24_hours: box.checked } }),
  });
}

export function requestSecret() {
  const button = (name, onclick) => h("button", { type: "button", class: "quiet", onclick }, name);
  const show = ({ key }) => showSecret("The secret of webhook_url", "It signs what goes to the webhook_url of your requests.", key);

  async function reveal() {
    try {
      show(await call("GET", SECRET));
    } catch (error) {
      toast(reason(error));
    }
  }

  async function rotate() {
    const made = await askToRotate("Give requests a new secret?", `${SECRET}/rotate`);
    if (made) show(made);
  }

  return h(
    "section",
    { class: "card secret-card", "aria-labelledby": "request-secret" },
    h("h2", { id: "request-secret" }, "Requests with a webhook_url of their own"),
    h("p", { class: "muted" }, "What is sent there is signed with one secret of yours."),
    h("div", { class: "row actions" }, button("Show secret", reveal), mayWrite() ? button("Rotate secret of requests", rotate) : null),
  );
}
