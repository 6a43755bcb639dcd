// A video's outputs: each shows its progress, then is there to be played, or says why it failed.

import { h, replace } from "../dom.js";
import { PENDING } from "../events.js";
import { mediaUrl } from "../media.js";

export function outputsOf(video) {
  const boxes = video.outputs.map((output) => outputBox(video.outputs.length, output.index));
  const element = h("div", { class: boxes.length > 1 ? "outputs many" : "outputs" }, boxes.map((box) => box.element));
  const show = (now) => now.outputs.forEach((output, place) => boxes[place].show(now, output));
  show(video);
  return { element, show };
}

function outputBox(count, index) {
  const name = count > 1 ? `Output [${index}]` : "Video"; // by the index that the API and the command line know it by
  const label = h("span", {}, name);
  const figure = h("span", { class: "figure" });
  const bar = h("progress", { max: "100", "aria-label": `Progress of ${name.toLowerCase()}` });
  const element = h("div", { class: "output" });
  let shown = null;

  function show(video, output) {
    const cancelled = video.status === "failed" && PENDING.has(output.status); // ended before this output heard of it
    if (PENDING.has(output.status) && !cancelled) {
      bar.value = output.progress;
      figure.textContent = output.status === "queued" ? "queued" : `${output.progress} %`;
    }
    const state = `${cancelled ? "failed" : output.status} ${Boolean(output.url)}`;
    if (state === shown) return;
    shown = state;
    if (output.url) replace(element, player(video, output, name));
    else if (output.status === "completed") replace(element, h("p", { class: "muted" }, "Its files have expired."));
    else if (output.status === "failed" || cancelled) replace(element, failure(output.error ?? video.error, name, count));
    else replace(element, h("div", { class: "waiting" }, h("div", { class: "row" }, label, figure), bar));
  }

  return { element, show };
}

function player(video, output, name) {
  return h("video", {
    controls: true,
    playsinline: true,
    preload: "metadata",
    poster: mediaUrl(video, output, "thumbnail"),
    src: mediaUrl(video, output),
    width: output.width,
    height: output.height,
    "aria-label": `${name}: ${video.prompt ?? ""}`,
  });
}

function failure(error, name, count) {
  return h("p", { class: "error" }, count > 1 ? h("strong", {}, `${name}: `) : null, error?.message || "It failed.", " ", h("code", {}, error?.code));
}
