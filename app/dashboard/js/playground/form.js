// The fields that describe a video. Each shows only what the chosen model takes in the chosen mode.

import { h, replace } from "../dom.js";
import { modeOf, takes } from "../models.js";
import { choices } from "../choices.js";
import { inputField } from "./inputs.js";
import { MODES, modeNamed } from "./modes.js";
import { anyShape, shape } from "./shape.js";

const AUTO = { value: "", label: "Auto" };

export function fields(state, models, onModel) {
  const model = h(
    "select",
    { id: "model", onchange: () => onModel(model.value) },
    models.map((each) => h("option", { value: each.id }, each.name)),
  );
  const about = h("p", { class: "hint", id: "model-about" });
  model.setAttribute("aria-describedby", "model-about");
  const mode = choices({ legend: "Mode", name: "mode", onchange: (value) => state.set({ mode: value }) });
  const prompt = h("textarea", {
    id: "prompt",
    rows: "4",
    required: true,
    placeholder: "What happens, in which light, seen from where?",
    value: state.get().prompt,
    oninput: () => state.set({ prompt: prompt.value }),
  });
  const count = h("span", { class: "hint count" });
  const ratio = choices({
    legend: "Shape",
    name: "aspect_ratio",
    onchange: (value) => state.set({ aspect_ratio: value, size: "" }),
    draw: (value) => (value ? shape(value, 24) : anyShape(24)),
  });
  ratio.classList.add("ratios");
  const resolution = choices({
    legend: "Resolution",
    name: "resolution",
    onchange: (value) => state.set({ resolution: value, size: "" }),
  });
  const size = sizeField(state);
  const seconds = secondsField(state);
  const n = numberField(state);
  const strict = h("input", { id: "strict", type: "checkbox", onchange: () => state.set({ strict: strict.checked }) });
  const strictField = h(
    "div",
    { class: "field check" },
    strict,
    h("label", { for: "strict" }, "Strict ", h("span", { class: "hint" }, "refuse rather than convert")),
  );
  const inputs = inputField(state);

  state.listen((now, before) => {
    if (!now.model || (now.model === before.model && sameShown(now, before))) return;
    const spec = modeOf(now.model, now.mode);
    model.value = now.model.id;
    about.textContent = now.model.description;
    mode.show(
      MODES.filter(({ id }) => now.model.capabilities.includes(id)).map(({ id, name, hint }) => ({ value: id, label: name, hint })),
      now.mode,
    );
    count.textContent = `${now.prompt.length} of ${now.model.prompt_limit}`;
    count.classList.toggle("over", now.prompt.length > now.model.prompt_limit);
    const offer = (name, values) => (takes(now.model, now.mode, name) ? [AUTO, ...values.map((value) => ({ value, label: value }))] : []);
    ratio.show(offer("aspect_ratio", spec.aspect_ratios), now.size ? null : now.aspect_ratio);
    resolution.show(offer("resolution", spec.resolutions), now.size ? null : now.resolution);
    size.show(spec, now);
    seconds.show(spec.seconds, takes(now.model, now.mode, "seconds"), now.seconds);
    n.show(takes(now.model, now.mode, "n"), now.n);
    strictField.hidden = !takes(now.model, now.mode, "strict");
    strict.checked = now.strict;
    inputs.show(modeNamed(now.mode), spec, now);
  });

  return [
    mode,
    h("div", { class: "field" }, h("label", { for: "prompt" }, "Prompt"), prompt, count),
    inputs,
    h("div", { class: "field" }, h("label", { for: "model" }, "Model"), model, about),
    ratio,
    resolution,
    seconds,
    h("div", { class: "pair" }, size, n),
    strictField,
  ];
}

// Choices that no longer exist in another model or mode are dropped.
export function fitting(values) {
  const { model } = values;
  const mode = model.capabilities.includes(values.mode) ? values.mode : model.capabilities[0];
  const spec = modeOf(model, mode);
  const range = spec.seconds;
  const seconds = Number(values.seconds);
  const inRange = range && seconds >= range.min && seconds <= range.max && (!range.values.length || range.values.includes(seconds));
  return {
    mode,
    aspect_ratio: spec.aspect_ratios.includes(values.aspect_ratio) ? values.aspect_ratio : "",
    resolution: spec.resolutions.includes(values.resolution) ? values.resolution : "",
    seconds: inRange ? values.seconds : "",
  };
}

function sameShown(now, before) {
  return Object.keys(now).every((name) => now[name] === before[name]);
}

function sizeField(state) {
  const known = h("datalist", { id: "sizes" });
  const input = h("input", {
    id: "size",
    list: "sizes",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "as above",
    oninput: () => state.set({ size: input.value.trim() }),
    onblur: () => (input.value = state.get().size),
  });
  const field = h("div", { class: "field" }, h("label", { for: "size" }, "Exact size"), input, known);
  field.show = (spec, now) => {
    field.hidden = !takes(now.model, now.mode, "size") || !spec.aspect_ratios.length;
    replace(known, [...new Set(spec.sizes)].map((value) => h("option", { value })));
    if (document.activeElement !== input) input.value = now.size; // what is being typed stays as it is typed
  };
  return field;
}

function secondsField(state) {
  const row = h("div", { class: "range" });
  const field = h("div", { class: "field" }, h("label", { for: "seconds" }, "Seconds"), row);
  let range = null;
  field.show = (spec, taken, chosen) => {
    field.hidden = !taken || !spec;
    if (field.hidden) return;
    if (spec !== range) replace(row, spec.values.length ? list(spec) : slider(spec));
    range = spec;
    const input = row.querySelector("#seconds");
    input.value = String(chosen || spec.default);
    const told = row.querySelector("output");
    if (told) told.textContent = `${input.value} s`;
  };
  const changed = (event) => state.set({ seconds: event.target.value });
  const list = (spec) =>
    h("select", { id: "seconds", onchange: changed }, spec.values.map((value) => h("option", { value: String(value) }, `${value} s`)));
  const slider = (spec) => [
    h("input", { id: "seconds", type: "range", min: spec.min, max: spec.max, step: "1", oninput: changed }),
    h("output", { for: "seconds" }),
  ];
  return field;
}

function numberField(state) {
  const input = h("input", {
    id: "n",
    type: "number",
    min: "1",
    max: "10",
    oninput: () => state.set({ n: Math.min(10, Math.max(1, Math.round(Number(input.value)) || 1)) }),
    onblur: () => (input.value = String(state.get().n)),
  });
  const field = h("div", { class: "field" }, h("label", { for: "n" }, "How many"), input);
  field.show = (taken, chosen) => {
    field.hidden = !taken;
    if (document.activeElement !== input) input.value = String(chosen);
  };
  return field;
}
