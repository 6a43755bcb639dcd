// Who is told when videos end: the endpoints, the secret of requests, and what was sent.

import { call, query, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { keepFocus } from "../focus.js";
import { mayWrite } from "../session.js";
import { note } from "../router.js";
import { deliveryList } from "./deliveries.js";
import { endpointCard } from "./endpoint.js";
import { createEndpoint } from "./form.js";
import { requestSecret } from "./secrets.js";

const MOST = 100; // endpoints in one answer; a key may have fewer

export function webhooksView(where, signal) {
  const list = h("ul", { class: "endpoints", "aria-label": "Endpoints" });
  const told = h("p", { class: "muted", role: "status" }, "Loading …");
  const make = h("button", { type: "button", class: "primary", hidden: true, onclick: () => createEndpoint(load) }, "New endpoint");
  const deliveries = deliveryList(Object.fromEntries(where.query), signal, (filters) => note(`webhooks${query(filters)}`));

  async function load() {
    try {
      const { data } = await call("GET", `/v1/webhook_endpoints?limit=${MOST}`, { signal });
      make.hidden = !mayWrite();
      keepFocus(list, () => replace(list, data.map((endpoint) => endpointCard(endpoint, load))));
      told.textContent = data.length ? "" : "No endpoint yet: none of your videos is told of, but for those with a webhook_url of their own.";
      deliveries.name(data);
    } catch (error) {
      if (!signal.aborted) replace(told, h("span", { class: "error", role: "alert" }, reason(error)));
    }
  }

  load();
  return h(
    "div",
    { class: "page" },
    h("div", { class: "row" }, h("h1", {}, "Webhooks"), make),
    told,
    list,
    requestSecret(),
    deliveries.element,
  );
}
