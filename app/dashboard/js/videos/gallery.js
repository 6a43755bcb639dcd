// Every video of this key, newest first, as it happens.

import { call, query, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { note } from "../router.js";
import { videoCard } from "./card.js";
import { asQuery, filterForm } from "./filters.js";
import { keepLive } from "./live.js";

const PAGE = 24;

export function galleryView(where, signal) {
  const cards = new Map();
  const grid = h("ul", { class: "gallery", "aria-label": "Videos" });
  const told = h("p", { class: "muted", role: "status" }, "Loading …");
  const more = h("button", { type: "button", hidden: true, onclick: () => loadMore() }, "Show more");
  let filters = Object.fromEntries(where.query);
  let last = null;

  const ask = (after) => call("GET", `/v1/videos${query({ limit: PAGE, after, ...asQuery(filters) })}`, { signal });

  function remove(id) {
    cards.get(id)?.element.remove();
    cards.delete(id);
    summarise();
  }

  function summarise() {
    told.textContent = cards.size ? "" : Object.values(filters).some(Boolean) ? "No video fits." : "No videos yet: make one in the playground.";
  }

  // Show videos: known ones as they are now, new ones where their time puts them.
  function take(videos) {
    for (const video of videos) {
      if (cards.has(video.id)) {
        cards.get(video.id).show(video);
        continue;
      }
      const card = videoCard(video);
      const older = [...cards.values()].filter(({ createdAt }) => createdAt < card.createdAt);
      const next = older.sort((one, other) => other.createdAt - one.createdAt)[0];
      grid.insertBefore(card.element, next?.element ?? null);
      cards.set(video.id, card);
    }
    summarise();
  }

  async function loadMore() {
    const asked = filters;
    more.disabled = true;
    try {
      const page = await ask(last);
      if (asked !== filters) return;
      take(page.data);
      last = page.last_id ?? last;
      more.hidden = !page.has_more;
    } catch (error) {
      if (!signal.aborted) told.textContent = reason(error);
    } finally {
      more.disabled = false;
    }
  }

  async function look() {
    try {
      const asked = filters;
      const { data, has_more: hasMore } = await ask();
      if (asked !== filters) return;
      const listed = new Set(data.map(({ id }) => id));
      const oldest = data.at(-1)?.created_at ?? 0;
      take(data);
      // What a page that is newer than them does not list any more was deleted, or fits the filters no more.
      for (const card of [...cards.values()]) {
        if (!listed.has(card.id) && (!hasMore || card.createdAt > oldest)) remove(card.id);
      }
    } catch (error) {
      if (!signal.aborted) told.textContent = reason(error);
    }
  }

  async function filter(values) {
    filters = values;
    note(`videos${query(values)}`);
    cards.clear();
    replace(grid);
    last = null;
    await loadMore();
  }

  loadMore();
  keepLive({
    signal,
    look,
    pending: () => [...cards.values()].filter((card) => card.isPending()).map((card) => card.id),
    onVideo: (video) => cards.get(video.id)?.show(video),
    onDeleted: remove,
  });
  return h(
    "div",
    { class: "page" },
    h("h1", {}, "Videos"),
    filterForm(where.query, filter),
    told,
    grid,
    h("div", { class: "row centre" }, more),
  );
}
