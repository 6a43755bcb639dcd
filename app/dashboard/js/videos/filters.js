// What the gallery shows: kept in the address, so that it survives a reload and can be sent to somebody.

import { h } from "../dom.js";
import { listModels } from "../models.js";

const DAY = 24 * 3600;
const STATUSES = [
  ["", "Any status"],
  ["queued", "Queued"],
  ["in_progress", "In progress"],
  ["completed", "Completed"],
  ["failed", "Failed"],
];

export function filterForm(query, onChange) {
  const status = h("select", { id: "filter-status", name: "status" }, STATUSES.map(([value, name]) => h("option", { value }, name)));
  const model = h("select", { id: "filter-model", name: "model" }, h("option", { value: "" }, "Any model"));
  const from = h("input", { id: "filter-from", name: "from", type: "date" });
  const to = h("input", { id: "filter-to", name: "to", type: "date" });
  const inputs = [status, model, from, to];
  const values = () => Object.fromEntries(inputs.map((input) => [input.name, input.value]));
  for (const input of [status, from, to]) input.value = query.get(input.name) ?? "";
  fillModels(model, query.get("model") ?? "");
  const field = (name, input) => h("div", { class: "field" }, h("label", { for: input.id }, name), input);
  return h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter videos", onchange: () => onChange(values()), onsubmit: (event) => event.preventDefault() },
    field("Status", status),
    field("Model", model),
    field("From", from),
    field("To", to),
  );
}

// The filters as /v1/videos takes them; days are the reader's own.
export function asQuery({ status, model, from, to }) {
  return { status, model, created_after: midnight(from), created_before: midnight(to, DAY) };
}

function midnight(day, later = 0) {
  return day ? Math.floor(new Date(`${day}T00:00:00`).getTime() / 1000) + later : "";
}

// A filter names the model as it was asked for, so aliases count by themselves.
async function fillModels(select, chosen) {
  const names = (await listModels().catch(() => [])).flatMap(({ id, aliases }) => [id, ...aliases]);
  if (chosen && !names.includes(chosen)) names.push(chosen);
  select.append(...names.map((name) => h("option", { value: name }, name)));
  select.value = chosen;
}
