// Every video of this key, or of others where an admin asks for them, newest first, as it happens.

import { call, query, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { note } from "../router.js";
import { mayWrite } from "../session.js";
import { videoCard } from "./card.js";
import { asQuery, filterForm } from "./filters.js";
import { keepLive } from "./live.js";
import { earlyVideos, keyNames } from "./whose.js";

const PAGE = 24;
const LOOK_MS = 1000; // in which news gather that only the gateway can say of whether they fit the filters

export function galleryView(where, signal) {
  const cards = new Map();
  const heard = new Map(); // when which video was last told of: what was asked for before is older
  const grid = h("ul", { class: "gallery", "aria-label": "Videos" });
  const early = h("p", { class: "muted" });
  const told = h("div", { class: "muted", role: "status" }, "Loading …");
  const more = h("button", { type: "button", hidden: true, onclick: () => loadMore() }, "Show more");
  let names = new Map();
  const naming = keyNames(signal).then((known) => (names = known)).catch(() => {}); // ids do, too
  let filters = Object.fromEntries(where.query);
  let last = null;
  let time = 0;
  let looking = null;

  const narrowed = () => Object.entries(filters).some(([name, value]) => value && name !== "key_id");

  // Read a page; of it, what nothing newer is known of. Null where other filters were chosen meanwhile.
  async function ask(after) {
    const [asked, began] = [filters, (time += 1)];
    const page = await call("GET", `/v1/videos${query({ limit: PAGE, after, ...asQuery(asked) })}`, { signal });
    if (asked.key_id) await naming;
    if (asked !== filters) return null;
    const stale = (id) => heard.get(id) >= began;
    return { ...page, stale, news: page.data.filter(({ id }) => !stale(id)) };
  }

  function remove(id) {
    heard.set(id, time);
    cards.get(id)?.element.remove();
    cards.delete(id);
    summarise();
  }

  function summarise() {
    if (cards.size) return replace(told);
    if (narrowed()) return replace(told, "No video fits these filters. ", h("button", { type: "button", onclick: form.clear }, "Clear them"));
    if (filters.key_id) return replace(told, "No videos here yet.");
    replace(told, "No videos yet. ", mayWrite() ? h("a", { href: "#/playground" }, "Make the first one") : null);
  }

  // Show videos: known ones as they are now, new ones where their time puts them; `newest` before others of that second.
  function take(videos, newest = false) {
    for (const video of videos) {
      if (cards.has(video.id)) {
        cards.get(video.id).show(video);
        continue;
      }
      const card = videoCard(video, names);
      const after = [...cards.values()].filter(({ createdAt }) => createdAt < card.createdAt || (newest && createdAt === card.createdAt));
      const next = [...grid.children].find((element) => after.some((each) => each.element === element));
      grid.insertBefore(card.element, next ?? null);
      cards.set(video.id, card);
    }
    summarise();
  }

  async function loadMore() {
    more.disabled = true;
    try {
      const page = await ask(last);
      if (!page) return;
      take(page.news);
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
      const page = await ask();
      if (!page) return;
      const listed = new Set(page.data.map(({ id }) => id));
      const oldest = page.data.at(-1)?.created_at ?? 0;
      const apart = page.has_more && !page.data.some(({ id }) => cards.has(id)); // there may be others in between
      take(page.news);
      // What a page that is newer than them does not list any more was deleted, or fits the filters no more.
      for (const { id, createdAt } of [...cards.values()]) {
        if (!listed.has(id) && !page.stale(id) && (apart || !page.has_more || createdAt > oldest)) remove(id);
      }
      if (apart) [last, more.hidden] = [page.last_id, false];
    } catch (error) {
      if (!signal.aborted) told.textContent = reason(error);
    }
  }

  function lookSoon() {
    looking ??= setTimeout(() => {
      looking = null;
      if (!signal.aborted) look();
    }, LOOK_MS);
  }

  function hear(video) {
    heard.set(video.id, time);
    const oldest = Math.min(...[...cards.values()].map(({ createdAt }) => createdAt));
    if (cards.has(video.id)) {
      cards.get(video.id).show(video);
      if (filters.status && video.status !== filters.status) remove(video.id);
    } else if (narrowed()) {
      lookSoon();
    } else if (more.hidden || video.created_at >= oldest) {
      take([video], true);
    }
  }

  async function filter(values) {
    filters = values;
    early.hidden = Boolean(values.key_id);
    note(`videos${query(values)}`);
    cards.clear();
    replace(grid);
    replace(told, "Loading …");
    more.hidden = true;
    last = null;
    follow(values.key_id ?? "");
    await loadMore();
  }

  const form = filterForm(where.query, filter);
  early.hidden = Boolean(filters.key_id);
  earlyVideos(signal)
    .then((place) => place && replace(early, "There are videos ", h("a", { href: place }, "from before there were keys"), ", too."))
    .catch(() => {}); // Key leads there as well
  loadMore();
  const follow = keepLive({ signal, keyId: filters.key_id ?? "", onReady: look, onVideo: hear, onDeleted: remove });
  return h("div", { class: "page" }, h("h1", {}, "Videos"), form.element, early, told, grid, h("div", { class: "row centre" }, more));
}
