// One delivery in the table: an event, its receiver, how it went, every attempt.

import { h } from "../dom.js";
import { clock, moment, plural } from "../format.js";
import { mayWrite } from "../session.js";
import { when } from "../when.js";

export const COLUMNS = ["Event", "Receiver", "Status", "Attempts", "Actions"];

const STATUS = { pending: "Pending", delivered: "Delivered", failed: "Failed" };

export function deliveryCells(delivery, endpoints, onResend) {
  return [event(delivery), receiver(delivery, endpoints), status(delivery), attempts(delivery), resend(delivery, onResend)];
}

function event(delivery) {
  return [
    h("strong", {}, delivery.event_type),
    h("p", { class: "hint" }, when(delivery.created_at), " · ", h("a", { href: `#/videos/${delivery.video_id}` }, "video")),
    h("p", { class: "hint" }, h("code", {}, delivery.event_id)),
  ];
}

function receiver({ webhook_endpoint_id: id, url }, endpoints) {
  return [id ? h("span", {}, endpoints.get(id)?.name ?? id) : h("span", {}, "webhook_url of the request"), h("p", { class: "hint url" }, url)];
}

function status({ status: state, next_attempt_at: next }) {
  const due = next !== null && next * 1000 > Date.now();
  return [h("span", { class: "status" }, STATUS[state]), due ? h("p", { class: "hint" }, "next try ", when(next)) : null];
}

function attempts({ attempts: made }) {
  if (!made.length) return h("span", { class: "muted" }, "none yet");
  const last = made.at(-1);
  return h(
    "details",
    {},
    h("summary", {}, `${plural(made.length, "attempt")}, last ${last.status_code ?? "without an answer"}`),
    h("ol", { class: "tries" }, made.map(attempt)),
  );
}

// The answer is whatever the receiver wrote: only ever text.
function attempt({ at, status_code: code, milliseconds, error, answer }) {
  return h(
    "li",
    {},
    h("p", {}, h("time", { datetime: new Date(at * 1000).toISOString(), title: moment(at) }, clock(at)), ` · ${code ?? "no answer"} · ${milliseconds} ms`),
    error ? h("p", { class: "error" }, error) : null,
    answer ? h("pre", { tabindex: "0", "aria-label": "What it answered" }, answer) : null,
  );
}

function resend(delivery, onResend) {
  if (!mayWrite()) return null;
  const name = delivery.status === "pending" ? "Send now" : "Resend";
  const label = `${name} ${delivery.event_type} of ${moment(delivery.created_at)}`;
  const button = h("button", { type: "button", class: "quiet", "aria-label": label, onclick: () => onResend(delivery) }, name);
  return h("div", { class: "row actions" }, button);
}
