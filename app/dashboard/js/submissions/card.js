// One submission: what was ordered, what is known of it, and the button that settles it.

import { facts, h } from "../dom.js";
import { moment, money } from "../format.js";
import { when } from "../when.js";
import { providerOf } from "./providers.js";
import { resolve } from "./resolve.js";

const SAID = {
  submitting: "The gateway is still looking for it",
  accepted: "The provider took it",
  refused: "The provider refused it",
  unsent: "It never left",
  resent: "Not answered, and sent again",
  charged: "Lost, and charged",
  not_charged: "Lost, and not charged",
};

export function submissionCard(submission, names) {
  const provider = providerOf(submission);
  const unknown = submission.status === "unknown";
  const button = h("button", { type: "button", class: "primary", onclick: () => settle() }, "Say what became of it");

  async function settle() {
    const settled = await resolve(submission);
    if (!settled) return;
    const list = element.parentElement;
    const [card] = settled.map((each) => {
      const now = submissionCard(each, names);
      list.querySelector(`[data-submission="${CSS.escape(each.id)}"]`)?.replaceWith(now); // it may not be shown yet
      return now;
    });
    card.tabIndex = -1;
    card.focus();
  }

  const element = h(
    "li",
    { class: "card submission", "data-submission": submission.id, "data-status": submission.status },
    h(
      "div",
      { class: "row" },
      h("h2", {}, `${submission.model} at ${provider.name}`),
      h("span", { class: "status" }, unknown ? "Unknown" : SAID[submission.phase]),
    ),
    h("p", { class: "prompt" }, submission.prompt || "No prompt"),
    facts([
      ["Sent", h("span", {}, when(submission.sent_at), ` (${moment(submission.sent_at)})`)],
      ["It may cost", money(submission.cost_estimate)],
      ["Cost", submission.cost === null ? null : money(submission.cost)],
      ["Looked for", unknown ? provider.looked : null],
      ["Owner", names.get(submission.owner) ?? submission.owner],
      ["Endpoint", h("code", {}, submission.endpoint)],
      ["Submission", h("code", {}, submission.id)],
      ["Video", h("code", {}, `${submission.video_id}[${submission.output_index}]`)],
      ["Id there", submission.upstream_id && h("code", {}, submission.upstream_id)],
    ]),
    attempts(submission.attempts),
    unknown ? h("div", { class: "row" }, h("p", { class: "hint" }, provider.look), button) : null,
  );
  return element;
}

function attempts(tried) {
  if (!tried.length) return null;
  return h(
    "details",
    {},
    h("summary", {}, "What was tried for this output"),
    h("ol", { class: "tries" }, tried.map(({ provider, outcome, code, message }) => h("li", {}, `${provider}: ${outcome}`, code ? h("p", { class: "hint" }, `${code}: ${message ?? ""}`) : null))),
  );
}
