// What the playground begins with: nothing, or a finished video that is to be remixed, edited, extended or made again.

import { call } from "../api.js";
import { firstFinished, mediaUrl } from "../media.js";
import { describeModel } from "../models.js";
import { fitting } from "./form.js";

const AIMS = {
  remix: { mode: "edit", remix: true },
  edit: { mode: "edit", remix: false },
  extend: { mode: "extend", remix: false },
};

// query: ?from=video_1&as=remix|edit|extend|again
export async function begin(query, models) {
  const source = query.get("from") ? await call("GET", `/v1/videos/${encodeURIComponent(query.get("from"))}`) : null;
  const aim = AIMS[query.get("as")] ?? null;
  const model = await describeModel(fittingModel(models, source, aim));
  const mode = aim?.mode ?? "text-to-video";
  const values = { model, mode, prompt: source && !aim ? (source.prompt ?? "") : "" };
  if (source && aim) values.video = clip(source, aim.remix);
  return { ...values, ...fitting({ aspect_ratio: "", resolution: "", seconds: "", ...values }) };
}

// The model of the source, if it is offered and can do this; else the first that can.
function fittingModel(models, source, aim) {
  const able = models.filter(({ capabilities }) => !aim || capabilities.includes(aim.mode));
  const named = (each) => source && (each.id === source.model || each.aliases.includes(source.model));
  return (able.find(named) ?? able[0] ?? models[0]).id;
}

function clip(video, remix) {
  const output = firstFinished(video);
  return {
    id: video.id,
    name: video.prompt || video.id,
    remix,
    preview: output && mediaUrl(video, output, "thumbnail"),
  };
}
