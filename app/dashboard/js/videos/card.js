// One video in the gallery.

import { h, replace } from "../dom.js";
import { PENDING } from "../events.js";
import { moment, plural, statusOf } from "../format.js";
import { firstFinished } from "../media.js";
import { preview } from "./preview.js";

// `names` are those of keys, for admins who look at the videos of others.
export function videoCard(first, names) {
  const link = h("a", { href: `#/videos/${first.id}`, class: "thumb" });
  const status = h("span", { class: "status" });
  const element = h(
    "li",
    { class: "card video", "data-video": first.id },
    link,
    h("p", { class: "prompt", id: `prompt-${first.id}` }, first.prompt || "No prompt"),
    h("p", { class: "hint row" }, h("span", {}, first.model), status),
    h("p", { class: "hint" }, h("time", { datetime: new Date(first.created_at * 1000).toISOString() }, moment(first.created_at))),
    first.key_id ? h("p", { class: "hint whose" }, names.get(first.key_id) ?? first.key_id) : null,
  );
  link.setAttribute("aria-labelledby", `prompt-${first.id}`);
  let shown = null;

  function show(video) {
    element.dataset.status = video.status;
    status.textContent = video.n > 1 ? `${statusOf(video)}, ${plural(video.n, "output")}` : statusOf(video);
    const output = firstFinished(video);
    const state = `${video.status} ${video.progress} ${Boolean(output)}`;
    if (state === shown) return;
    shown = state;
    if (output) replace(link, preview(video, output, link));
    else if (PENDING.has(video.status)) replace(link, h("progress", { max: "100", value: video.progress, "aria-label": "Progress" }));
    else replace(link, h("span", { class: "muted" }, statusOf(video)));
  }

  show(first);
  return { id: first.id, createdAt: first.created_at, element, show };
}
