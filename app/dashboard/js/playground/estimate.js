// What the request would cost and what would be changed: a dry run, a moment after the last change.

import { call, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { money, plural } from "../format.js";
import { missing, toRequest } from "./request.js";
import { shape } from "./shape.js";

const PAUSE_MS = 350;
const NO_PROMPT = "…"; // a price does not depend on the words

export function estimatePanel(state, signal) {
  const frame = h("div", { class: "frame" });
  const price = h("p", { class: "price" });
  const told = h("p", { class: "hint" });
  const warnings = h("ul", { class: "warnings" });
  const panel = h("section", { class: "estimate", "aria-label": "Price and warnings", "aria-live": "polite" }, frame, h("div", {}, price, told, warnings));
  let timer = null;
  let asking = new AbortController();
  let asked = "";

  // Where the request itself was refused, that is said there; the next change asks anew.
  panel.retract = () => {
    clearTimeout(timer);
    asking.abort();
    asked = "";
    panel.hidden = panel.classList.contains("empty");
  };

  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    asking.abort();
  });
  state.listen((now) => {
    if (!now.model) return;
    const lacking = missing(now);
    const request = lacking ? null : toRequest(now);
    const key = lacking ?? JSON.stringify({ ...request, body: { ...request.body, prompt: Boolean(request.body.prompt) } });
    if (key === asked) return;
    asked = key;
    clearTimeout(timer);
    asking.abort();
    if (lacking) show({ text: lacking });
    else timer = setTimeout(() => ask(request), PAUSE_MS);
  });

  async function ask({ path, body }) {
    asking = new AbortController();
    try {
      const json = { ...body, prompt: body.prompt || NO_PROMPT };
      show({ answer: await call("POST", `/v1${path}?dryRun=true`, { json, signal: asking.signal }) });
    } catch (error) {
      if (error.name !== "AbortError") show({ problem: reason(error) });
    }
  }

  function show({ answer = null, text = "", problem = "" }) {
    panel.hidden = false;
    replace(frame, answer ? shape(answer.size, 96) : null);
    panel.classList.toggle("empty", !answer);
    replace(price, answer ? total(answer) : "");
    replace(told, answer ? summary(answer) : text);
    const lines = (answer?.warnings ?? []).map(({ message }) => h("li", {}, message));
    replace(warnings, problem ? h("li", { class: "error" }, problem) : lines);
  }

  return panel;
}

function total({ total_cost_micros: micros }) {
  return micros === null ? "Price unknown" : micros === 0 ? "Free" : money(micros / 1e6);
}

function summary({ size, seconds, n, provider }) {
  const known = [n > 1 ? plural(n, "video") : null, size === "auto" ? null : size.replace("x", " × "), seconds ? `${seconds} s` : null];
  return [...known.filter(Boolean), `by ${provider}`].join(" · ");
}
