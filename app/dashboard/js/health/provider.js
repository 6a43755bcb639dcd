// One provider: whether it is in use, how it did in the last day, what is left there.

import { facts, h } from "../dom.js";
import { clock, money, span } from "../format.js";
import { ofProvider, percent } from "./problems.js";

const OUTCOMES = { accepted: "accepted", refused: "refused", unsent: "could not be sent", unknown: "unanswered" };
const STATES = { closed: "In use", open: "Left alone", half_open: "Being tried" };

export function providerCard(provider) {
  const { id, name, order, breaker, success_rate: rate, completed, failed, failed_over: gone, submits, failures, last_refusal: refusal, balance } = provider;
  const rests = breaker && breaker.state !== "closed";
  const bar = h("span", { class: "is-spent" });
  bar.style.width = `${(rate ?? 0) * 100}%`;
  const said = rate === null ? "Nothing has ended in the last 24 hours" : `${percent(rate)} of the outputs succeeded`;
  return h(
    "li",
    { class: ofProvider(provider).some(({ grave }) => grave) ? "card provider bad" : "card provider", "data-provider": id },
    h("div", { class: "row" }, h("h3", {}, name), breaker ? h("strong", { class: rests ? "error" : "fine" }, STATES[breaker.state]) : null),
    h(
      "div",
      {},
      h("p", {}, said),
      rate === null ? null : h("div", { class: "meter", role: "meter", "aria-label": `Success at ${name}`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(rate * 100)) }, bar),
    ),
    facts([
      ["Preference", String(order)],
      ["Outputs", completed + failed + gone ? `${completed} completed, ${failed} failed${gone ? `, ${gone} failed over` : ""}` : null],
      ["Median", seconds(provider.median_seconds)],
      ["95 % within", seconds(provider.p95_seconds)],
      ["Requests", Object.entries(submits).filter(([, count]) => count).map(([outcome, count]) => `${count} ${OUTCOMES[outcome]}`).join(", ") || "none"],
      ["Last refusal", refusal && `${refusal.message} (${clock(refusal.at)})`],
      ["Failures", failures.length ? h("ul", {}, failures.map(({ code, count }) => h("li", {}, h("code", {}, code), ` ${count}`))) : null],
      ["Faults in a row", breaker?.failures ? String(breaker.failures) : null],
      ["Balance", balance && `${balance.amount ? money(balance.amount) : "$0"} (${clock(balance.checked_at)})`],
    ]),
  );
}

const seconds = (value) => (value === null ? null : span(value));
