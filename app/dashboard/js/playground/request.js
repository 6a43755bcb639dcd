// What is filled in, as the request that says it: a path below /v1 and a JSON body.

import { takes } from "../models.js";
import { modeNamed } from "./modes.js";

// What is still missing, in words; null when the request can be priced.
export function missing(state) {
  const { needs } = modeNamed(state.mode);
  if (needs === "image" && !state.images.length) return "Add an image.";
  if (needs === "images" && !state.images.length) return "Add at least one reference image.";
  if (needs === "video" && !state.video) return "Add a video, or choose one of yours.";
  return null;
}

export function toRequest(state) {
  const { model, mode, video } = state;
  const body = { prompt: state.prompt.trim(), model: model.id };
  const sources = state.images.map((image) => ({ file_id: image.file_id }));
  if (mode === "image-to-video") body.input_reference = sources[0];
  if (mode === "reference-to-video") body.reference_images = sources;
  for (const name of given(state)) body[name] = name === "seconds" ? String(state.seconds) : state[name];
  if (modeNamed(mode).needs !== "video") return { path: "/videos", body };
  if (mode === "edit" && video.remix) return { path: `/videos/${video.id}/remix`, body };
  body.video = video.id ? { id: video.id } : { file_id: video.file_id };
  return { path: mode === "edit" ? "/videos/edits" : "/videos/extensions", body };
}

// The optional fields that were chosen and that the model takes in this mode. A size in pixels says it all.
function given(state) {
  const sized = state.size ? ["size"] : ["aspect_ratio", "resolution"];
  const chosen = [...sized, "seconds", "n", "strict"].filter((name) => takes(state.model, state.mode, name));
  return chosen.filter((name) => (name === "n" ? state.n > 1 : Boolean(state[name])));
}
