// A still that moves under the pointer or the focus: the frames of the spritesheet, four by four.

import { h } from "../dom.js";
import { mediaUrl } from "../media.js";

const SIDE = 4;
const FRAMES = SIDE * SIDE;
const FRAME_MS = 220;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

// `link` is what is hovered or focused.
export function preview(video, output, link) {
  const still = h("img", { src: mediaUrl(video, output, "thumbnail"), alt: "", loading: "lazy", decoding: "async" });
  const sheet = h("div", { class: "sheet", "aria-hidden": "true" });
  const box = h("div", { class: "preview" }, still, sheet);
  let timer = null;
  let frame = 0;

  function show(next) {
    frame = next;
    const place = (each) => `${(each / (SIDE - 1)) * 100}%`;
    sheet.style.backgroundPosition = `${place(frame % SIDE)} ${place(Math.floor(frame / SIDE))}`;
  }

  function begin() {
    if (!sheet.style.backgroundImage) {
      sheet.style.backgroundImage = `url("${mediaUrl(video, output, "spritesheet")}")`;
      sheet.style.aspectRatio = `${output.width} / ${output.height}`;
      sheet.classList.toggle("tall", output.width / output.height < 16 / 9);
    }
    show(0);
    box.classList.add("playing");
    if (!STILL.matches) timer ??= setInterval(() => show((frame + 1) % FRAMES), FRAME_MS);
  }

  function end() {
    clearInterval(timer);
    timer = null;
    box.classList.remove("playing");
  }

  function scrub(event) {
    const { left, width } = box.getBoundingClientRect();
    show(Math.min(FRAMES - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * FRAMES))));
  }

  link.addEventListener("pointerenter", begin);
  link.addEventListener("pointerleave", end);
  link.addEventListener("focus", begin);
  link.addEventListener("blur", end);
  if (STILL.matches) link.addEventListener("pointermove", scrub);
  return box;
}
