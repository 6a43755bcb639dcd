// Images and videos to start from: dropped, chosen from the disk, or a finished video.
// They are uploaded once, as files; requests name them by their id.

import { call, reason } from "../api.js";
import { h, replace } from "../dom.js";
import { plural } from "../format.js";
import { announce } from "../notify.js";

const KINDS = { image: "image/png,image/jpeg,image/webp,image/gif,image/avif", video: "video/mp4,video/quicktime,video/webm" };

export function inputField(state) {
  const title = h("span", {});
  const chosen = h("ul", { class: "inputs" });
  const problem = h("p", { class: "error", role: "alert" });
  const file = h("input", { id: "input-file", type: "file", class: "visually-hidden", onchange: () => picked() });
  const drop = h(
    "label",
    { class: "drop", for: "input-file", ondragover: (event) => over(event), ondragleave: () => idle(), ondrop: (event) => dropped(event) },
    h("strong", {}, title),
    h("span", { class: "hint" }, "Drop here, or choose from this device"),
  );
  const field = h("div", { class: "field" }, file, drop, chosen, problem);
  let needs = null;
  let most = 1;
  let shown = [];

  field.show = (mode, spec, now) => {
    needs = mode.needs;
    most = needs === "images" ? spec.max_images : 1;
    const wanted = [mode, most, now.images, now.video];
    if (wanted.every((each, place) => each === shown[place])) return;
    shown = wanted;
    const kind = needs === "video" ? "video" : "image";
    field.hidden = !needs;
    file.accept = KINDS[kind];
    file.multiple = needs === "images";
    title.textContent = needs === "images" ? `Up to ${plural(most, "reference image")}` : `The ${kind} to start from`;
    replace(chosen, needs === "video" ? (now.video ? [videoItem(now.video)] : []) : now.images.slice(0, most).map(imageItem));
  };

  function imageItem(image) {
    const remove = () => state.set({ images: state.get().images.filter((each) => each !== image) });
    return h(
      "li",
      {},
      h("img", { src: image.preview, alt: "" }),
      h("span", { class: "name" }, image.name),
      h("button", { type: "button", class: "quiet", "aria-label": `Remove ${image.name}`, onclick: remove }, "Remove"),
    );
  }

  function videoItem(video) {
    return h(
      "li",
      {},
      video.preview ? h("img", { src: video.preview, alt: "" }) : null,
      h("span", { class: "name" }, video.name),
      h("button", { type: "button", class: "quiet", "aria-label": `Remove ${video.name}`, onclick: () => state.set({ video: null }) }, "Remove"),
    );
  }

  function over(event) {
    event.preventDefault();
    drop.classList.add("over");
  }

  function idle() {
    drop.classList.remove("over");
  }

  function dropped(event) {
    event.preventDefault();
    idle();
    take([...event.dataTransfer.files]);
  }

  function picked() {
    take([...file.files]);
    file.value = ""; // so that the same file can be chosen again
  }

  async function take(files) {
    problem.textContent = "";
    const wanted = needs === "video" ? "video/" : "image/";
    const fit = files.filter((each) => each.type.startsWith(wanted)).slice(0, most);
    if (fit.length < files.length) problem.textContent = `Only ${plural(most, needs === "video" ? "video" : "image")} can be taken here.`;
    drop.classList.add("busy");
    try {
      for (const each of fit) await upload(each);
    } catch (error) {
      problem.textContent = reason(error);
    } finally {
      drop.classList.remove("busy");
    }
  }

  async function upload(picture) {
    const form = new FormData();
    form.append("file", picture);
    const { id } = await call("POST", "/v1/files", { form });
    announce(`${picture.name} is uploaded.`);
    if (needs === "video") {
      state.set({ video: { file_id: id, name: picture.name } });
      return;
    }
    const added = { file_id: id, name: picture.name, preview: URL.createObjectURL(picture) };
    state.set({ images: [...(most > 1 ? state.get().images : []), added].slice(-most) });
  }

  return field;
}
