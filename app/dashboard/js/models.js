// What the models can do, as /v1/models says; asked once per visit.

import { call } from "./api.js";

let listed = null;
const described = new Map();

export function listModels() {
  listed ??= call("GET", "/v1/models").then((answer) => answer.data);
  listed.catch(() => (listed = null));
  return listed;
}

export function describeModel(id) {
  if (!described.has(id)) {
    const asked = call("GET", `/v1/models/${id}?schema=true`);
    asked.catch(() => described.delete(id));
    described.set(id, asked);
  }
  return described.get(id);
}

export function forgetModels() {
  listed = null;
  described.clear();
}

export const modeOf = (model, mode) => model.modes.find((each) => each.mode === mode) ?? null;

// Whether a field does anything in this mode.
export function takes(model, mode, name) {
  const parameter = model.parameters.find((each) => each.name === name);
  return Boolean(parameter?.modes.includes(mode)) && parameter.handling !== "not available";
}
