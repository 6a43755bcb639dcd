// Says what became of a submission. Money hangs on it and the first word stands, so it is asked twice.

import { call, query, reason } from "../api.js";
import { confirm } from "../confirm.js";
import { askFor } from "../dialog.js";
import { h } from "../dom.js";
import { checkbox, field, group, option } from "../fields.js";
import { money } from "../format.js";
import { toast } from "../notify.js";
import { providerOf } from "./providers.js";

const EXACT = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 6 });

// Resolves to what was settled, as it is then: this submission first, then others of its video. Null if one left.
export async function resolve(submission) {
  const others = await othersOf(submission).catch(() => []); // each can be settled by itself
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
  const same = checkbox("same", `The same for the other ${others.length} of this video`, false, "that are unknown");
  const show = () => {
    Object.entries(asked).forEach(([way, element]) => (element.hidden = way !== chosen()));
    same.element.hidden = !others.length || !["charged", "not_charged"].includes(chosen()); // each job has an id of its own
  };
  const all = () => [submission, ...(same.box.checked && !same.element.hidden ? others : [])];

  for (const { input } of ways) input.addEventListener("change", show);
  show();
  const done = await askFor({
    title: "What became of it?",
    detail: `An order of ${money(submission.cost_estimate)} at ${name}: “${submission.prompt}”`,
    content: [group("outcome", "You found", ways.map(({ element }) => element)), Object.values(asked), same.element].flat(),
    yes: "Go on",
    work: () => settle(all(), said(chosen(), upstream.value.trim(), cost.value.trim())),
  });
  if (done) toast(done.refused ? `${done.settled.length} of ${done.settled.length + done.refused} are settled. ${done.why}` : "It is settled.");
  return done?.settled ?? null;
}

function said(outcome, upstreamId, cost) {
  if (outcome === "accepted") return { outcome, upstream_id: upstreamId };
  // What is no number is sent as it was written: the API says what is wrong with it.
  if (outcome === "charged") return { outcome, cost_usd: Number.isFinite(Number(cost || "?")) ? Number(cost) : cost };
  return outcome ? { outcome } : {};
}

// The other unknown submissions of the same video.
async function othersOf({ id, video_id: video }) {
  const found = [];
  for (let [more, after] = [true, null]; more; ) {
    const page = await call("GET", `/v1/submissions${query({ after, limit: 100 })}`);
    found.push(...page.data.filter((each) => each.video_id === video && each.id !== id));
    [more, after] = [page.has_more, page.last_id];
  }
  return found;
}

async function settle([submission, ...others], body) {
  const say = ({ id }) => call("POST", `/v1/submissions/${id}/resolve`, { json: body });
  if (!body.outcome || body.upstream_id === "" || typeof body.cost_usd === "string") return say(submission); // to be refused
  const each = others.length ? ` for each of ${others.length + 1}` : "";
  const [question, detail] = {
    accepted: [`Take over the job ${body.upstream_id}?`, "If the provider knows it, the video goes on with it."],
    charged: [`Book ${EXACT.format(body.cost_usd)} as lost${each}?`, `The provider was paid for no video. Estimated were ${money(submission.cost_estimate)}.`],
    not_charged: [`Book nothing${each}?`, "The provider neither has the job nor charged it."],
  }[body.outcome];
  const sure = await confirm(question, `${detail} This cannot be taken back: the first word stands.`, "Say so", "Look again");
  if (!sure) return null;
  const done = { settled: [await say(submission)], refused: 0, why: "" };
  for (const other of others) {
    try {
      done.settled.push(await say(other));
    } catch (error) {
      done.refused += 1;
      done.why = reason(error);
    }
  }
  return done;
}
