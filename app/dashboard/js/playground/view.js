// The playground: a form, its price, the same as a program, and what was made from it.

import { call, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { announce } from "../notify.js";
import { describeModel, listModels } from "../models.js";
import { mayWrite } from "../session.js";
import { codePanel } from "./codepanel.js";
import { estimatePanel } from "./estimate.js";
import { fields, fitting } from "./form.js";
import { remixNote } from "./remix.js";
import { missing, toRequest } from "./request.js";
import { resultList } from "./results.js";
import { begin } from "./start.js";
import { createState } from "./state.js";

export function playgroundView(where, signal) {
  const body = h("div", {}, h("p", { class: "muted" }, "Asking what the models can do …"));
  fill(body, where, signal).catch((error) => {
    if (!signal.aborted) replace(body, h("p", { class: "error", role: "alert" }, reason(error)));
  });
  return h("div", { class: "page" }, h("h1", {}, "Playground"), body);
}

async function fill(body, where, signal) {
  const models = await listModels();
  if (!models.length) throw new Error("No model is offered to this key. An operator sets up providers and keys.");
  const state = createState(await begin(where.query, models));
  const results = resultList(signal);
  const problem = h("p", { class: "error", role: "alert" });
  const estimate = estimatePanel(state, signal);
  const button = h("button", { class: "primary", type: "submit", disabled: !mayWrite() }, "Make video");
  const form = h(
    "form",
    { class: "card form", "aria-label": "What to make", novalidate: true, onsubmit: (event) => submit(event) },
    remixNote(state),
    fields(state, models, choose),
    estimate,
    problem,
    h("div", { class: "row end" }, mayWrite() ? null : h("span", { class: "hint" }, "This key may only read."), button),
  );
  replace(body, h("div", { class: "columns" }, form, h("div", { class: "side" }, codePanel(state), results.element)));
  state.listen(() => (problem.textContent = ""));

  async function choose(id) {
    try {
      const model = await describeModel(id);
      state.set({ model, ...fitting({ ...state.get(), model }) });
    } catch (error) {
      problem.textContent = reason(error);
    }
  }

  async function submit(event) {
    event.preventDefault();
    const now = state.get();
    problem.textContent = missing(now) ?? (now.prompt.trim() ? "" : "Write a prompt.");
    if (problem.textContent) {
      if (!now.prompt.trim()) form.querySelector("#prompt").focus();
      return;
    }
    button.disabled = true;
    try {
      const { path, body: json } = toRequest(now);
      results.add(await create(`/v1${path}`, json));
      announce("The video is queued.");
    } catch (error) {
      problem.textContent = reason(error);
      estimate.retract();
    } finally {
      button.disabled = false;
    }
  }
}

// One click is one video: where the answer was lost, the same key asks for it again.
async function create(path, json) {
  const headers = { "idempotency-key": [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("") };
  try {
    return await call("POST", path, { json, headers });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return call("POST", path, { json, headers });
  }
}
