// Says what became of a submission. Money hangs on it and the first word stands, so it is asked twice.

import { call } from "../api.js";
import { confirm } from "../confirm.js";
import { askFor } from "../dialog.js";
import { h } from "../dom.js";
import { field, group, option } from "../fields.js";
import { money } from "../format.js";
import { toast } from "../notify.js";
import { providerOf } from "./providers.js";

const EXACT = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 6 });

// Resolves to the submission as it is then, or to null if one left.
export async function resolve(submission) {
  const { name } = providerOf(submission);
  const pick = (value, label, hint) => option("outcome", value, label, hint);
  const ways = [
    pick("accepted", "The job is there", `${name} is asked for it first, so a wrong id does no harm. The video runs on and is completed; if it was cancelled or deleted, what the job cost is booked.`),
    pick("charged", "Only the charge is there", "The dollars are added to the video's cost; it stays failed. Nothing that comes to light later changes that."),
    pick("not_charged", "Neither is there", "The video stays failed, and costs nothing. A callback that proves otherwise still completes it."),
  ];
  const upstream = h("input", { id: "upstream-id", autocomplete: "off", spellcheck: "false" });
  const cost = h("input", { id: "cost-usd", inputmode: "decimal", autocomplete: "off", value: submission.cost_estimate || "" });
  const asked = { accepted: field("upstream_id", `Its id at ${name}`, upstream), charged: field("cost_usd", "What was charged, in dollars", cost) };
  const chosen = () => ways.find(({ input }) => input.checked)?.input.value;
  const show = () => Object.entries(asked).forEach(([way, element]) => (element.hidden = way !== chosen()));

  for (const { input } of ways) input.addEventListener("change", show);
  show();
  const done = await askFor({
    title: "What became of it?",
    detail: `An order of ${money(submission.cost_estimate)} at ${name}: “${submission.prompt}”`,
    content: [group("outcome", "You found", ways.map(({ element }) => element)), Object.values(asked)].flat(),
    yes: "Go on",
    work: () => settle(submission, said(chosen(), upstream.value.trim(), cost.value.trim())),
  });
  if (done) toast("It is settled.");
  return done;
}

function said(outcome, upstreamId, cost) {
  if (outcome === "accepted") return { outcome, upstream_id: upstreamId };
  // What is no number is sent as it was written: the API says what is wrong with it.
  if (outcome === "charged") return { outcome, cost_usd: Number.isFinite(Number(cost || "?")) ? Number(cost) : cost };
  return outcome ? { outcome } : {};
}

async function settle(submission, body) {
  const path = `/v1/submissions/${submission.id}/resolve`;
  if (!body.outcome || body.upstream_id === "" || typeof body.cost_usd === "string") return call("POST", path, { json: body }); // to be refused
  const [question, detail] = {
    accepted: [`Take over the job ${body.upstream_id}?`, "If the provider knows it, the video goes on with it."],
    charged: [`Book ${EXACT.format(body.cost_usd)} as lost?`, `The provider was paid for no video. Estimated were ${money(submission.cost_estimate)}.`],
    not_charged: ["Book nothing?", "The provider neither has the job nor charged it."],
  }[body.outcome];
  const sure = await confirm(question, `${detail} This cannot be taken back: the first word stands.`, "Say so", "Look again");
  return sure ? call("POST", path, { json: body }) : null;
}
