// How everything is, and what is wrong: read again every few seconds while somebody can see it.

import { call, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { wait } from "../events.js";
import { clock, span } from "../format.js";
import { announce } from "../notify.js";
import { NAMES, late, problems } from "./problems.js";
import { providerCard } from "./provider.js";

const LOOK_MS = 5000;
const BREAKERS = {
  gateway: null,
  process: "Which providers are left alone is what this process knows; each replica finds out for itself.",
  none: "This process asks no providers itself: which ones are left alone, only its workers know.",
};

export function healthView(where, signal) {
  const verdict = h("section", { class: "card verdict", "aria-label": "What is wrong" }, h("p", { class: "muted" }, "Loading …"));
  const queue = h("dl", { class: "tiles" });
  const providers = h("ul", { class: "providers", "aria-label": "Providers" });
  const whose = h("p", { class: "hint whose" });
  let told = null;

  async function look() {
    try {
      const report = await call("GET", "/v1/providers", { signal });
      const found = problems(report);
      judge(found.some(({ grave }) => grave) ? "Something is wrong" : "All is well", found, `As of ${clock(Date.now() / 1000)}.`);
      redraw(queue, tiles(report.queue));
      replace(providers, report.data.map(providerCard));
      replace(whose, BREAKERS[report.breakers]);
    } catch (error) {
      if (!signal.aborted) judge("The gateway does not tell", [{ text: reason(error), grave: true }], "What stands below is from before.");
    }
  }

  function judge(title, found, hint) {
    verdict.classList.toggle("bad", found.some(({ grave }) => grave));
    const line = ({ text, href, grave }) => h("li", { class: grave ? "grave" : null }, href ? h("a", { href }, text) : text);
    redraw(verdict, h("h2", {}, title), found.length ? h("ul", {}, found.map(line)) : null, h("p", { class: "hint" }, hint));
    const news = [title, ...found.map(({ text }) => text.replace(/\d.*/, ""))].join(" "); // figures change all the time
    if (news !== told) announce([title, ...found.map(({ text }) => text)].join(". "));
    told = news;
  }

  async function run() {
    while (!signal.aborted) {
      if (document.visibilityState === "visible") await look();
      await wait(LOOK_MS, signal);
    }
  }

  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look(), { signal });
  run();
  return h(
    "div",
    { class: "page" },
    h("h1", {}, "Health"),
    verdict,
    h("section", { "aria-labelledby": "queues" }, h("h2", { id: "queues" }, "Queues"), queue),
    h("section", { "aria-labelledby": "providers" }, h("h2", { id: "providers" }, "Providers, last 24 hours"), whose, providers),
  );
}

// The focus stays on the same link; where that is gone, it goes to the view.
function redraw(place, ...children) {
  const held = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  replace(place, ...children);
  if (held) (place.querySelector(`a[href="${held}"]`) ?? document.getElementById("view")).focus({ preventScroll: true });
}

function tiles({ states, oldest_queued_seconds: oldest, flagged_submissions: flagged }) {
  const tile = (name, count, hint, bad) => h("div", { class: bad ? "card bad" : "card" }, h("dt", {}, name), h("dd", {}, count), hint ? h("dd", { class: bad ? "hint error" : "hint" }, hint) : null);
  const overdue = (state) => (late(state) ? `due for ${span(state.overdue_seconds)}` : state.state === "queued" && oldest !== null ? `the oldest for ${span(oldest)}` : null);
  return [
    ...states.map((state) => tile(NAMES[state.state], String(state.count), overdue(state), late(state))),
    tile("Flagged", h("a", { href: "#/submissions" }, String(flagged)), flagged ? "of unknown fate" : null, flagged > 0),
  ];
}
