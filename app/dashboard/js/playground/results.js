// What was made during this visit, newest first, with progress until it can be played.

import { h, replace } from "../dom.js";
import { follow } from "../events.js";
import { statusOf } from "../format.js";
import { announce } from "../notify.js";
import { actions } from "../videos/actions.js";
import { outputsOf } from "../videos/outputs.js";

export function resultList(signal) {
  const empty = h("p", { class: "muted empty-note" }, "What you make appears here, and stays under Videos.");
  const list = h("div", { class: "results" }, empty);
  const element = h("section", { "aria-label": "Results" }, list);

  function add(video) {
    empty.remove();
    const card = resultCard(video);
    list.prepend(card.element);
    card.element.scrollIntoView({ block: "nearest" });
    follow(video.id, { signal, onVideo: card.show, onDeleted: () => card.element.remove() });
  }

  return { element, add };
}

function resultCard(first) {
  const title = h("h2", { class: "prompt" }, first.prompt);
  const status = h("p", { class: "status" });
  const outputs = outputsOf(first);
  const buttons = h("div", { class: "row actions" });
  const element = h("article", { class: "card result", "data-video": first.id }, h("div", { class: "row" }, title, status), outputs.element, buttons);
  let told = first.status;
  let shown = null;

  function show(video) {
    element.dataset.status = video.status;
    status.textContent = statusOf(video);
    outputs.show(video);
    if (shown !== video.status) {
      replace(buttons, h("a", { href: `#/videos/${video.id}` }, "Details"), actions(video, { onChange: show, onDeleted: () => element.remove() }));
    }
    shown = video.status;
    if (told !== video.status) announce(`${statusOf(video)}: ${video.prompt}`);
    told = video.status;
  }

  show(first);
  return { element, show };
}
