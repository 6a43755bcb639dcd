// Paid requests whose answer was lost: what is known of each, and what an operator says became of it.

import { call, query, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { select } from "../fields.js";
import { note } from "../router.js";
import { submissionCard } from "./card.js";

const PAGE = 20;
const SHOWN = [
  ["", "Unknown: to be settled"],
  ["all", "All, settled ones too"],
];

export function submissionsView(where, signal) {
  const status = select("submission-status", SHOWN, where.query.get("status") ?? "");
  const told = h("p", { class: "muted", role: "status" }, "Loading …");
  const list = h("ul", { class: "submissions", "aria-label": "Submissions" });
  const more = h("button", { type: "button", hidden: true, onclick: () => loadMore() }, "Show more");
  const owners = keyNames(signal);
  let last = null;

  async function loadMore() {
    const asked = status.value;
    more.disabled = true;
    try {
      const [page, names] = await Promise.all([call("GET", `/v1/submissions${query({ status: asked, after: last, limit: PAGE })}`, { signal }), owners]);
      if (asked !== status.value) return;
      list.append(...page.data.map((each) => submissionCard(each, names)));
      last = page.last_id ?? last;
      more.hidden = !page.has_more;
      told.textContent = list.children.length ? "" : asked ? "Nothing has been sent to a provider yet." : "Nothing is unknown: there is nothing to do.";
    } catch (error) {
      if (!signal.aborted) replace(told, h("span", { class: "error", role: "alert" }, reason(error)));
    } finally {
      more.disabled = false;
    }
  }

  status.addEventListener("change", () => {
    note(`submissions${query({ status: status.value })}`);
    replace(list);
    last = null;
    loadMore();
  });
  loadMore();
  return h(
    "div",
    { class: "page" },
    h("h1", {}, "Submissions"),
    h(
      "p",
      { class: "muted lead-in" },
      "An order to a provider costs money. Where its answer is lost, sending it again could cost twice: the job is looked for instead, and if it is not found, somebody has to look at the provider's own pages and say what is there.",
    ),
    h(
      "form",
      { class: "filters one", role: "search", "aria-label": "Filter submissions", onsubmit: (event) => event.preventDefault() },
      h("div", { class: "field" }, h("label", { for: "submission-status" }, "Show"), status),
    ),
    told,
    list,
    h("div", { class: "row centre" }, more),
  );
}

// What the owners' keys are called; without that, their ids will do.
async function keyNames(signal) {
  const { data } = await call("GET", "/v1/keys", { signal }).catch(() => ({ data: [] }));
  return new Map(data.map(({ id, name }) => [id, name]));
}
