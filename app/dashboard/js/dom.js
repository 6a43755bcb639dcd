// Elements. What users and providers wrote only ever becomes text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

// h("button", { class: "x", onclick: f, disabled: true, "aria-label": "…" }, "text", element, null)
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProp(element, name, value);
  element.append(...present(children));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...present(children));
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

// A definition list of [name, value] pairs; what has no value is left out.
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" }, ...known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function setProp(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.className = value;
  else if (name === "value" || name === "checked") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}
