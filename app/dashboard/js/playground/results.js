// What was made since the page was loaded, newest first, with progress until it can be played. It stays while one goes
// elsewhere, to remix one of them for example.

import { h, replace } from "../dom.js";
import { PENDING, follow } from "../events.js";
import { statusOf } from "../format.js";
import { announce } from "../notify.js";
import { actions } from "../videos/actions.js";
import { outputsOf } from "../videos/outputs.js";

const MOST = 12; // kept; all of them are under Videos
let made = []; // as last heard of, the newest first

// For who signs in next, nothing was made.
export function forgetResults() {
  made = [];
}

export function resultList(signal) {
  const empty = h("p", { class: "muted empty-note" }, "What you make appears here, and stays under Videos.");
  const list = h("div", { class: "results" }, empty);
  const element = h("section", { "aria-label": "Results" }, list);

  function add(video) {
    made = [video, ...made].slice(0, MOST);
    show(video).scrollIntoView({ block: "nearest" });
  }

  function show(video) {
    empty.remove();
    const card = resultCard(video, remove);
    list.prepend(card.element);
    const onVideo = (now) => {
      made = made.map((each) => (each.id === now.id ? now : each));
      card.show(now);
    };
    const onDeleted = () => remove(video.id);
    if (PENDING.has(video.status)) follow(video.id, { signal, onVideo, onDeleted });
    return card.element;
  }

  function remove(id) {
    made = made.filter((each) => each.id !== id);
    list.querySelector(`[data-video="${CSS.escape(id)}"]`)?.remove();
  }

  for (const video of [...made].reverse()) show(video);
  return { element, add };
}

function resultCard(first, onDeleted) {
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
      replace(buttons, h("a", { href: `#/videos/${video.id}` }, "Details"), actions(video, { onChange: show, onDeleted: () => onDeleted(video.id) }));
    }
    shown = video.status;
    if (told !== video.status) announce(`${statusOf(video)}: ${video.prompt}`);
    told = video.status;
  }

  show(first);
  return { element, show };
}
