// Fields of a form, each with room for what the API says of it: an error that names a field stands next to it.

import { reason } from "./api.js";
import { h } from "./dom.js";

// `param` is the API's name of it; `control` has an id.
export function field(param, label, control, hint) {
  const notes = notesFor(control.id, hint);
  control.setAttribute("aria-describedby", notes.map(({ id }) => id).join(" "));
  return h("div", { class: "field", "data-param": param }, h("label", { for: control.id }, label), control, notes);
}

// Several controls that the API knows by one name.
export function group(param, legend, content, hint) {
  const notes = notesFor(`group-${param}`, hint);
  const described = notes.map(({ id }) => id).join(" ");
  return h("fieldset", { class: "field", "data-param": param, "aria-describedby": described }, h("legend", {}, legend), content, notes);
}

export function checkbox(id, label, checked, hint) {
  const box = h("input", { id, type: "checkbox", checked });
  const words = h("label", { for: id }, label, hint ? h("span", { class: "hint" }, ` ${hint}`) : null);
  return { box, element: h("div", { class: "field check" }, box, words) };
}

export function select(id, options, value) {
  const element = h("select", { id }, options.map(([each, name]) => h("option", { value: each }, name)));
  element.value = value;
  return element;
}

// Several of a row of names; `read` returns those that are chosen.
export function several(name, options, chosen) {
  const boxes = options.map((value) => h("input", { type: "checkbox", name, value, checked: chosen.includes(value) }));
  const labels = boxes.map((box) => h("label", { class: "choice" }, box, h("span", {}, box.value)));
  return { element: h("div", { class: "choices" }, labels), read: () => boxes.filter(({ checked }) => checked).map(({ value }) => value) };
}

// One of a few ways on, with what it means.
export function option(name, value, label, hint, checked = false) {
  const input = h("input", { type: "radio", name, value, checked });
  return { input, element: h("label", { class: "option" }, input, h("span", {}, label, h("span", { class: "hint" }, hint))) };
}

// A form's own errors go where no field is named.
export function problemLine() {
  return h("p", { class: "error form-error", role: "alert" });
}

export function clearProblems(form) {
  for (const line of form.querySelectorAll(".error")) line.textContent = "";
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

export function showProblem(form, error) {
  const place = error.param ? form.querySelector(`[data-param="${CSS.escape(error.param)}"]`) : null;
  const line = (place ?? form).querySelector(place ? ".error" : ".form-error");
  line.textContent = reason(error);
  const control = place?.querySelector("input, select, textarea");
  if (place?.tagName === "DIV") control?.setAttribute("aria-invalid", "true");
  control?.focus();
}

function notesFor(id, hint) {
  return [hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null, h("p", { class: "error", id: `${id}-error`, role: "alert" })].filter(Boolean);
}
