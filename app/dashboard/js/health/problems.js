// What is wrong, in words: the worst first. `grave` is what somebody has to do something about.

import { money, plural, span } from "../format.js";

const MINUTE = 60;
const LATE = { queued: 60, submitting: 60, running: 60, storing: 120, cleanup: 600, webhooks: 300 }; // seconds
const OLD = 10 * MINUTE;
const ENOUGH = 10; // ends that a rate says something after
const SUCCESS = 0.9;
const ATTEMPTS = 3; // submits that all went wrong
const POOR = 5; // dollars

export function problems({ data, queue }) {
  const found = [...data.flatMap(ofProvider), ...ofQueue(queue)];
  return found.sort((one, other) => Number(other.grave) - Number(one.grave));
}

export function ofProvider({ name, breaker, success_rate: rate, completed, failed, failed_over: gone, recent, last_refusal: refusal, balance }) {
  const found = [];
  const missed = recent.refused + recent.unsent + recent.unknown;
  const unsent = recent.unsent > 0 && recent.unsent === missed && !recent.accepted;
  const unreachable = unsent && breaker?.failures > 0; // else it may be the gateway that was too slow, or was stopped
  if (breaker && breaker.state !== "closed") {
    const next = breaker.state === "half_open" ? "One request tries it now." : `It is tried again in ${Math.ceil(breaker.retry_in_seconds)} s.`;
    found.push(grave(`${name} ${unreachable ? "cannot be reached, and " : ""}is left alone: it failed ${breaker.failures} times in a row. ${next}`));
  } else if (!recent.accepted && missed >= ATTEMPTS) {
    const why = unreachable ? " It cannot be reached." : unsent ? " The gateway could not send them." : recent.refused && refusal ? ` ${refusal.message}` : "";
    found.push(grave(`${name} took none of the last ${missed} requests (10 minutes).${why}`));
  } else if (rate !== null && rate < SUCCESS && completed + failed + gone >= ENOUGH) {
    found.push(grave(`${name}: only ${percent(rate)} of its outputs succeeded in the last 24 hours.`));
  }
  if (balance && balance.amount < POOR) {
    found.push({ text: balance.amount > 0 ? `Only ${money(balance.amount)} is left at ${name}.` : `Nothing is left of the balance at ${name}.`, grave: balance.amount <= 0 });
  }
  return found;
}

function ofQueue({ states, oldest_queued_seconds: oldest, flagged_submissions: flagged, nearly_spent_budgets: spent }) {
  const late = states.filter(({ state, overdue_seconds: overdue }) => overdue > LATE[state]);
  const found = late.map(({ state, overdue_seconds: overdue }) => grave(`${NAMES[state]}: due for ${span(overdue)}, and nobody works at it. Does a worker run?`));
  if (!late.some(({ state }) => state === "queued") && oldest > OLD) found.push(grave(`The oldest queued video has waited for ${span(oldest)}.`));
  if (flagged) {
    found.push({ ...grave(`${plural(flagged, "paid request")} of unknown fate: say what became of ${flagged === 1 ? "it" : "them"}.`), href: "#/submissions" });
  }
  if (spent) found.push({ text: `${plural(spent, "budget")} ${spent === 1 ? "is" : "are"} nearly spent.`, href: "#/costs", grave: false });
  return found;
}

export const NAMES = {
  queued: "Queued",
  submitting: "Submitting",
  running: "Running",
  storing: "Storing",
  cleanup: "Cleaning up",
  webhooks: "Webhooks",
};

export const late = ({ state, overdue_seconds: overdue }) => overdue > LATE[state];
export const percent = (share) => `${Number((share * 100).toFixed(share > 0.99 && share < 1 ? 1 : 0))} %`;
const grave = (text) => ({ text, grave: true });
