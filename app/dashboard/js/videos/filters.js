// What the gallery shows: kept in the address, so that it survives a reload and can be sent to somebody.

import { h } from "../dom.js";
import { listModels } from "../models.js";
import { keyNames, seesOthers } from "./whose.js";

const DAY = 24 * 3600;
const TYPING_MS = 300;
const STATUSES = [
  ["", "Any status"],
  ["queued", "Queued"],
  ["in_progress", "In progress"],
  ["completed", "Completed"],
  ["failed", "Failed"],
];

export function filterForm(query, onChange) {
  const chosen = (name) => query.get(name) ?? "";
  const prompt = h("input", { id: "filter-prompt", name: "prompt", type: "search", maxlength: "256", placeholder: "Words of the prompt", value: chosen("prompt") });
  const status = choice("status", STATUSES, chosen("status"));
  const model = choice("model", [["", "Any model"]], chosen("model"));
  const provider = choice("provider", [["", "Any provider"]], chosen("provider"));
  const key = choice("key_id", [["", "This key"], ["all", "All keys"]], chosen("key_id"));
  const from = h("input", { id: "filter-from", name: "from", type: "date", value: chosen("from") });
  const to = h("input", { id: "filter-to", name: "to", type: "date", value: chosen("to") });
  const inputs = [prompt, status, model, provider, from, to, ...(seesOthers() ? [key] : [])];
  let told = JSON.stringify(values());
  let typing = null;

  function values() {
    return Object.fromEntries(inputs.map((input) => [input.name, input.value.trim()]));
  }

  function tell() {
    clearTimeout(typing);
    const now = JSON.stringify(values());
    if (now === told) return;
    told = now;
    onChange(values());
  }

  function typed() {
    clearTimeout(typing);
    typing = setTimeout(tell, TYPING_MS);
  }

  function clear() {
    for (const input of inputs) input.value = "";
    tell();
  }

  prompt.addEventListener("input", typed);
  listModels()
    .then((models) => {
      add(model, models.flatMap(({ id, aliases }) => [id, ...aliases]).map((name) => [name, name])); // it filters by the name that was asked for
      add(provider, [...new Set(models.flatMap(({ providers }) => providers))].sort().map((name) => [name, name]));
    })
    .catch(() => {}); // what cannot be chosen here can still stand in the address
  keyNames().then((names) => add(key, [...names])).catch(() => {});

  // On a phone there is room for the search, and for the rest on request.
  const fold = h("button", { type: "button", class: "fold", "aria-expanded": "false", onclick: () => unfold(element.classList.contains("folded")) }, "Filters");

  function unfold(open) {
    element.classList.toggle("folded", !open);
    fold.setAttribute("aria-expanded", String(open));
  }

  const field = (name, input) => h("div", { class: "field" }, h("label", { for: input.id }, name), input);
  const element = h(
    "form",
    { class: "filters many", role: "search", "aria-label": "Filter videos", onchange: tell, onsubmit: (event) => (event.preventDefault(), tell()) },
    h("div", { class: "field wide" }, h("label", { for: prompt.id }, "Search"), prompt),
    fold,
    field("Status", status),
    field("Model", model),
    field("Provider", provider),
    seesOthers() ? field("Key", key) : null,
    field("From", from),
    field("To", to),
  );
  unfold(inputs.some((input) => input !== prompt && input.value));
  return { element, clear };
}

// The filters as /v1/videos takes them; days are the reader's own.
export function asQuery({ prompt, status, model, provider, key_id, from, to }) {
  return { prompt, status, model, provider, key_id, created_after: midnight(from), created_before: midnight(to, DAY) };
}

function midnight(day, later = 0) {
  return day ? Math.floor(new Date(`${day}T00:00:00`).getTime() / 1000) + later : "";
}

// What the address asks for stays chosen, also before its name is known, and where nothing has that name any more.
function choice(name, options, chosen) {
  const select = h("select", { id: `filter-${name}`, name });
  add(select, options);
  if (![...select.options].some(({ value }) => value === chosen)) add(select, [[chosen, chosen]]);
  select.value = chosen;
  return select;
}

function add(select, options) {
  const chosen = select.value;
  for (const [value, name] of options) {
    const known = [...select.options].find((option) => option.value === value);
    if (known) known.textContent = name;
    else select.append(h("option", { value }, name));
  }
  select.value = chosen;
}
