// What was sent, newest first, as it goes on; kept true by looking again.

import { call, query, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { wait } from "../events.js";
import { toast } from "../notify.js";
import { table } from "../table.js";
import { COLUMNS, deliveryCells } from "./delivery.js";
import { deliveryFilters } from "./filters.js";

const PAGE = 20;
const MOST = 100; // in one answer of the API
const LOOK_MS = 4000;

export function deliveryList(first, signal, onFilter) {
  const list = table("Deliveries", COLUMNS);
  const told = h("p", { class: "muted", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => loadMore() }, "Show more");
  const form = deliveryFilters(first, filter);
  const rows = new Map(); // by the delivery's id, newest first
  let endpoints = new Map();
  let filters = first;

  function ask(limit, after) {
    const { endpoint, status, video } = filters;
    const path = endpoint ? `/v1/webhook_endpoints/${encodeURIComponent(endpoint)}/deliveries` : "/v1/webhook_deliveries";
    return call("GET", `${path}${query({ limit, after, status, video_id: video })}`, { signal });
  }

  // Draw one, in place of what it was; what is open stays open, what has the focus keeps it.
  function draw(delivery) {
    const shown = rows.get(delivery.id);
    const state = JSON.stringify([delivery, endpoints.get(delivery.webhook_endpoint_id)?.name]);
    if (shown?.state === state) return shown.element;
    const element = list.row(deliveryCells(delivery, endpoints, resend), { "data-delivery": delivery.id, "data-status": delivery.status });
    const old = shown?.element;
    const focused = old?.contains(document.activeElement) ? document.activeElement.tagName : null;
    if (old?.querySelector("details")?.open) element.querySelector("details")?.setAttribute("open", "");
    old?.replaceWith(element);
    if (focused) element.querySelector(focused.toLowerCase())?.focus();
    rows.set(delivery.id, { state, element, delivery });
    return element;
  }

  function summarise() {
    list.element.hidden = !rows.size;
    told.textContent = rows.size ? "" : Object.values(filters).some(Boolean) ? "No delivery fits." : "Nothing has been sent yet.";
  }

  async function loadMore() {
    const asked = filters;
    more.disabled = true;
    try {
      const page = await ask(PAGE, [...rows.keys()].at(-1));
      if (asked !== filters) return;
      list.body.append(...page.data.filter(({ id }) => !rows.has(id)).map(draw));
      more.hidden = !page.has_more;
      summarise();
    } catch (error) {
      fail(error);
    } finally {
      more.disabled = false;
    }
  }

  async function look() {
    const asked = filters;
    try {
      const { data, has_more: hasMore } = await ask(Math.min(MOST, Math.max(PAGE, rows.size)));
      if (asked !== filters) return;
      const fresh = new Set(data.map(({ id }) => id));
      const known = [...rows.values()].map(({ delivery }) => delivery);
      // What a page that reaches further back does not list any more is gone, or fits the filters no more.
      const oldest = hasMore ? (data.at(-1)?.created_at ?? 0) : -1;
      const older = known.filter(({ id, created_at: at }) => !fresh.has(id) && at <= oldest);
      arrange([...data, ...older]);
      if (rows.size <= data.length) more.hidden = !hasMore;
      summarise();
    } catch (error) {
      fail(error);
    }
  }

  function arrange(deliveries) {
    const kept = new Set(deliveries.map(({ id }) => id));
    for (const [id, { element }] of rows) {
      if (kept.has(id)) continue;
      element.remove();
      rows.delete(id);
    }
    let place = list.body.firstElementChild;
    for (const delivery of deliveries) {
      const known = rows.get(delivery.id)?.element;
      const element = draw(delivery);
      if (place === known) place = element;
      if (place === element) place = element.nextElementSibling;
      else list.body.insertBefore(element, place);
      const row = rows.get(delivery.id);
      rows.delete(delivery.id); // and last again, as in the page
      rows.set(delivery.id, row);
    }
  }

  async function resend(delivery) {
    try {
      draw(await call("POST", `/v1/webhook_deliveries/${delivery.id}/resend`));
      toast("The event is sent again, under the same id.");
    } catch (error) {
      toast(reason(error));
    }
  }

  async function filter(values) {
    filters = values;
    onFilter(values);
    rows.clear();
    replace(list.body);
    await loadMore();
  }

  function fail(error) {
    if (!signal.aborted) replace(told, h("span", { class: "error", role: "alert" }, reason(error)));
  }

  async function run() {
    await loadMore();
    for (;;) {
      await wait(LOOK_MS, signal);
      if (signal.aborted) return;
      if (document.visibilityState === "visible") await look();
    }
  }

  // Say what the endpoints are called; `found` is as the API lists them.
  function name(found) {
    endpoints = new Map(found.map((endpoint) => [endpoint.id, endpoint]));
    form.name(found);
    for (const { delivery } of [...rows.values()]) draw(delivery);
    if (rows.size) look(); // those to a deleted endpoint are gone
  }

  list.element.hidden = true;
  run();
  const element = h(
    "section",
    { class: "deliveries", "aria-labelledby": "deliveries-title" },
    h("h2", { id: "deliveries-title" }, "Deliveries"),
    form.element,
    told,
    list.element,
    h("div", { class: "row centre" }, more),
  );
  return { element, name };
}
