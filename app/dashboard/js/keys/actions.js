// Rotating and revoking a key: what that ends is said before it is done.

import { call, reason } from "../api.js";
import { confirm } from "../confirm.js";
import { askFor } from "../dialog.js";
import { field, group, option, select } from "../fields.js";
import { plural } from "../format.js";
import { toast } from "../notify.js";
import { showSecret } from "../secret.js";

const HOUR = 3600;
const GRACES = [
  [0, "at once"],
  [HOUR, "in an hour"],
  [24 * HOUR, "in a day"],
  [7 * 24 * HOUR, "in a week"],
  [30 * 24 * HOUR, "in 30 days"],
];

export async function rotate(key, onChange) {
  const grace = select("grace", GRACES, 24 * HOUR);
  const made = await askFor({
    title: `Give “${key.name}” a new secret?`,
    detail: "The new one is shown once. Whoever signed in here with the old one is signed out when that ends.",
    content: field("grace_seconds", "The old secret ends", grace, "At once if it may have leaked; later if its holder needs time to change over."),
    yes: "Rotate",
    danger: true,
    work: () => call("POST", `/v1/keys/${key.id}/rotate`, { json: { grace_seconds: Number(grace.value) } }),
  });
  if (!made) return;
  await showKey(made, "Its new secret");
  onChange();
}

export function showKey(made, title) {
  return showSecret(title, `“${made.name}” is known by this key. It is shown now and never again: keep it where secrets are kept.`, made.key);
}

export async function revoke(key, onChange) {
  const goesOn = option("cancel", "false", "goes on", "It was accepted and is paid for; its webhooks are still sent.", true);
  const stops = option("cancel", "true", "is cancelled", "Its live videos stop, its webhook endpoints are disabled. What a provider has already charged stays charged.");
  const content = group("cancel", "What it ordered", [goesOn.element, stops.element]);
  const done = await askFor({
    title: `Revoke “${key.name}”?`,
    detail: "It is refused from the next request on, for good. Whoever is signed in with it is signed out.",
    content,
    yes: "Revoke",
    danger: true,
    work: () => call("DELETE", `/v1/keys/${key.id}${stops.input.checked ? "?cancel=true" : ""}`),
  });
  if (done) tell(done, onChange);
}

export async function cancelWork(key, onChange) {
  const sure = await confirm(
    `Cancel what “${key.name}” ordered?`,
    "It is revoked already. Its live videos stop, its webhook endpoints are disabled. What a provider has already charged stays charged.",
    "Cancel its work",
    "Go on",
  );
  if (!sure) return;
  try {
    tell(await call("DELETE", `/v1/keys/${key.id}?cancel=true`), onChange);
  } catch (error) {
    toast(reason(error));
  }
}

function tell({ cancelled_videos: cancelled }, onChange) {
  toast(cancelled === undefined ? "The key is revoked." : `The key is revoked; ${plural(cancelled, "video")} of it cancelled.`);
  onChange();
}
