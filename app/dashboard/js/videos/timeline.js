// What happened to a video and when: each step after the one before, each attempt with what it came to.

import { facts, h } from "../dom.js";
import { clock, money, span } from "../format.js";

const STEPS = {
  queued: "Queued",
  submitted: "Submitted",
  accepted: "Accepted, running",
  refused: "Refused",
  unsent: "Not sent",
  resent: "Not answered, to be sent again",
  resolved: "Settled by an operator",
  failed_over: "Failed, to be made elsewhere",
  completed: "Stored",
  failed: "Ended without a video",
};

export function timelineOf({ data }, count) {
  const start = data[0]?.at ?? 0;
  const item = ({ step, at, index, provider }, place) =>
    h(
      "li",
      { class: step },
      h("strong", {}, STEPS[step]),
      h("span", {}, [count > 1 && index !== null ? `output [${index}]` : null, provider].filter(Boolean).join(" · ")),
      h("time", { class: "hint", datetime: new Date(at * 1000).toISOString() }, place ? `${clock(at)} · +${span(at - start)}` : clock(at)),
    );
  return h("ol", { class: "timeline" }, data.map(item));
}

export function attemptsOf(video) {
  const attempts = video.metadata.attempts ?? [];
  if (!attempts.length) return h("p", { class: "muted" }, "None has ended yet.");
  const row = ({ index, provider, outcome, code, message, cost }) =>
    h(
      "li",
      {},
      h("p", { class: "row" }, h("strong", {}, provider), h("span", { class: outcome === "failed" ? "error" : "hint" }, outcome)),
      facts([
        ["Output", video.n > 1 ? `[${index}]` : null],
        ["Cost", cost === null ? null : money(cost)],
        ["Error", code ? `${code}: ${message ?? ""}` : null],
      ]),
    );
  return h("ol", { class: "attempts" }, attempts.map(row));
}
