// Which deliveries are shown: kept in the address, so that it survives a reload and can be sent to somebody.

import { h, replace } from "../dom.js";
import { select } from "../fields.js";

const STATUSES = [
  ["", "Any status"],
  ["pending", "Pending"],
  ["delivered", "Delivered"],
  ["failed", "Failed"],
];
const ANY = ["", "Any receiver"];

export function deliveryFilters(values, onChange) {
  const status = select("delivery-status", STATUSES, values.status ?? "");
  const endpoint = h("select", { id: "delivery-endpoint" });
  const video = h("input", { id: "delivery-video", autocomplete: "off", spellcheck: "false", placeholder: "video_…", value: values.video ?? "" });
  const field = (name, input) => h("div", { class: "field" }, h("label", { for: input.id }, name), input);
  const changed = () => onChange({ status: status.value, endpoint: endpoint.value, video: video.value.trim() });
  let chosen = values.endpoint ?? "";

  // An endpoint that is gone stays chosen: then there is nothing to see.
  function name(endpoints) {
    const known = endpoints.map(({ id, name: called }) => [id, called]);
    if (chosen && !known.some(([id]) => id === chosen)) known.push([chosen, chosen]);
    replace(endpoint, [ANY, ...known].map(([value, called]) => h("option", { value }, called)));
    endpoint.value = chosen;
  }

  endpoint.addEventListener("change", () => (chosen = endpoint.value));
  name([]);
  const element = h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter deliveries", onchange: changed, onsubmit: (event) => event.preventDefault() },
    field("Status", status),
    field("Receiver", endpoint),
    field("Video", video),
  );
  return { element, name };
}
