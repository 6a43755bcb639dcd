// One endpoint, and what can be done with it.

import { call, reason } from "../api.js";
import { confirm } from "../confirm.js";
import { askFor } from "../dialog.js";
import { facts, h } from "../dom.js";
import { field, select } from "../fields.js";
import { toast } from "../notify.js";
import { mayWrite } from "../session.js";
import { when } from "../when.js";
import { changeEndpoint, showEndpointSecret } from "./form.js";
import { askToRotate } from "./secrets.js";

export function endpointCard(endpoint, onChange) {
  const disabled = endpoint.status === "disabled";
  const button = (name, onclick) =>
    h("button", { type: "button", class: "quiet", "aria-label": `${name} ${endpoint.name}`, onclick }, name);
  return h(
    "li",
    { id: endpoint.id, class: "card endpoint", "data-status": endpoint.status },
    h("div", { class: "row" }, h("h2", {}, endpoint.name), h("span", { class: "status" }, disabled ? "Disabled" : "Enabled")),
    facts([
      ["URL", h("code", {}, endpoint.url)],
      ["Told of", endpoint.event_types.join(", ")],
      ["Secret", h("code", {}, endpoint.signing_secret_hint)],
      ["Made", when(endpoint.created_at)],
      ["Disabled", disabled ? h("span", {}, when(endpoint.disabled_at), `: ${endpoint.disabled_reason}`) : null],
    ]),
    mayWrite()
      ? h(
          "div",
          { class: "row actions" },
          button("Test", () => test(endpoint)),
          button("Change", () => changeEndpoint(endpoint, onChange)),
          button("Rotate secret", () => rotate(endpoint, onChange)),
          disabled ? button("Enable", () => enable(endpoint, onChange)) : button("Disable", () => disable(endpoint, onChange)),
          button("Delete", () => remove(endpoint, onChange)),
        )
      : null,
  );
}

const pathOf = (endpoint) => `/v1/webhook_endpoints/${endpoint.id}`;

async function test(endpoint) {
  const type = select("test-event", endpoint.event_types.map((each) => [each, each]), endpoint.event_types[0]);
  const answer = await askFor({
    title: `Test “${endpoint.name}”`,
    detail: "A made-up event, signed as the others are, is sent to it now. Its id begins with evt_test_.",
    content: field("event_type", "Event", type),
    yes: "Send",
    work: () => call("POST", `${pathOf(endpoint)}/test`, { json: { event_type: type.value } }),
  });
  if (!answer) return;
  const taken = answer.status_code >= 200 && answer.status_code < 300;
  toast(`It answered with status ${answer.status_code}: ${taken ? "taken" : "that counts as a failure"}.`);
}

async function rotate(endpoint, onChange) {
  const made = await askToRotate(`Give “${endpoint.name}” a new secret?`, `${pathOf(endpoint)}/rotate_secret`);
  if (!made) return;
  await showEndpointSecret(made);
  onChange();
}

async function enable(endpoint, onChange) {
  await attempt(() => call("POST", pathOf(endpoint), { json: { status: "enabled" } }), "The endpoint is enabled.", onChange);
}

async function disable(endpoint, onChange) {
  const detail = "It is told nothing until it is enabled again. What is on its way to it is given up; it can be sent again then.";
  if (!(await confirm(`Disable “${endpoint.name}”?`, detail, "Disable", "Keep it"))) return;
  await attempt(() => call("POST", pathOf(endpoint), { json: { status: "disabled" } }), "The endpoint is disabled.", onChange);
}

async function remove(endpoint, onChange) {
  const detail = "It is forgotten with its secret and its log, and what is on its way to it is given up.";
  if (!(await confirm(`Delete “${endpoint.name}”?`, detail, "Delete", "Keep it"))) return;
  await attempt(() => call("DELETE", pathOf(endpoint)), "The endpoint is deleted.", onChange);
}

async function attempt(work, done, onChange) {
  try {
    await work();
    toast(done);
    onChange();
  } catch (error) {
    toast(reason(error));
  }
}
