// The form of an endpoint: made anew, or changed.

import { call } from "../api.js";
import { askFor } from "../dialog.js";
import { h } from "../dom.js";
import { field, group, several } from "../fields.js";
import { toast } from "../notify.js";
import { showSecret } from "../secret.js";

const EVENTS = ["video.completed", "video.failed", "video.cancelled"];
const URL_HINT = "https, on port 443 or 8443, to a public address, unless an operator has opened more.";

export async function createEndpoint(onChange) {
  const form = fieldsOf({ name: "", url: "", event_types: EVENTS });
  const made = await askFor({
    title: "New endpoint",
    detail: "It is told of the end of every video that you make.",
    content: form.content,
    yes: "Make endpoint",
    work: () => call("POST", "/v1/webhook_endpoints", { json: form.read() }),
  });
  if (!made) return;
  await showEndpointSecret(made);
  onChange();
}

export async function changeEndpoint(endpoint, onChange) {
  const form = fieldsOf(endpoint);
  const done = await askFor({
    title: `Change “${endpoint.name}”`,
    detail: "What is on its way goes to the new URL, too.",
    content: form.content,
    yes: "Save",
    work: () => call("POST", `/v1/webhook_endpoints/${endpoint.id}`, { json: form.read() }),
  });
  if (!done) return;
  toast("The endpoint is changed.");
  onChange();
}

export function showEndpointSecret(made) {
  const detail = `It signs what “${made.name}” is sent. It is shown now and never again: give it to whoever checks the signatures.`;
  return showSecret("The signing secret", detail, made.signing_secret);
}

function fieldsOf(endpoint) {
  const text = (id, value, props) => h("input", { id, value, autocomplete: "off", spellcheck: "false", ...props });
  const name = text("endpoint-name", endpoint.name);
  const url = text("endpoint-url", endpoint.url, { inputmode: "url" });
  const events = several("endpoint-events", EVENTS, endpoint.event_types);
  return {
    content: [field("name", "Name", name), field("url", "URL", url, URL_HINT), group("event_types", "Events", events.element)],
    read: () => ({ name: name.value.trim(), url: url.value.trim(), event_types: events.read() }),
  };
}
