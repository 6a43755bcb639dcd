// One video: its outputs, what was asked for, what became of it, and what can be done with it.

import { call, reason } from "../api.js";
import { facts, h, replace } from "../dom.js";
import { PENDING, follow } from "../events.js";
import { bytes, moment, money, span, statusOf } from "../format.js";
import { mediaUrl } from "../media.js";
import { announce } from "../notify.js";
import { go } from "../router.js";
import { actions } from "./actions.js";
import { outputsOf } from "./outputs.js";
import { attemptsOf, timelineOf } from "./timeline.js";
import { keyNames } from "./whose.js";

const OURS = new Set(
  "provider provider_name executed_model upstream_id cost_estimate cost cost_currency attempts".split(" "),
);

export function detailView(where, signal) {
  const page = h("div", { class: "page" }, h("h1", {}, "Video"), h("p", { class: "muted" }, "Loading …"));
  open(where.rest[0], page, signal).catch((error) => {
    if (!signal.aborted) replace(page, h("h1", {}, "Video"), h("p", { class: "error", role: "alert" }, reason(error)), h("a", { href: "#/videos" }, "All videos"));
  });
  return page;
}

async function open(id, page, signal) {
  const path = `/v1/videos/${encodeURIComponent(id)}`;
  const video = await call("GET", path, { signal });
  const names = video.key_id ? await keyNames(signal).catch(() => new Map()) : new Map();
  const whose = names.get(video.key_id) ?? video.key_id;
  const status = h("p", { class: "status" });
  const buttons = h("div", { class: "row actions" });
  const outputs = outputsOf(video);
  const rest = h("div", { class: "details" });
  let shown = null;

  replace(
    page,
    h("p", {}, h("a", { href: "#/videos" }, "← All videos")),
    h("div", { class: "row" }, h("h1", {}, "Video"), status),
    h("p", { class: "prompt lead" }, video.prompt),
    outputs.element,
    buttons,
    rest,
  );

  async function show(now) {
    status.textContent = statusOf(now);
    page.dataset.status = now.status;
    outputs.show(now);
    const state = `${now.status} ${now.outputs.map((output) => output.status)} ${now.metadata.attempts.length}`;
    if (state === shown) return;
    if (shown) announce(statusOf(now));
    shown = state;
    replace(buttons, actions(now, { onChange: show, onDeleted: () => go("videos") }));
    const timeline = await call("GET", `${path}/timeline`, { signal });
    if (state === shown) replace(rest, sections(now, timeline, whose));
  }

  await show(video);
  if (PENDING.has(video.status)) {
    const onVideo = (now) => show(now).catch((error) => announce(reason(error)));
    follow(video.id, { signal, onVideo, onDeleted: () => go("videos") });
  }
}

function sections(video, timeline, whose) {
  return [
    section("Timeline", timelineOf(timeline, video.n)),
    section("Attempts", attemptsOf(video)),
    section("Request", request(video, timeline, whose)),
    section("Warnings", warnings(video)),
    section("Files", downloads(video)),
  ];
}

function section(title, ...content) {
  return h("section", { class: "card" }, h("h2", {}, title), ...content);
}

function request(video, { mode, data: steps }, whose) {
  const { metadata } = video;
  const from = video.remixed_from_video_id;
  return facts([
    ["Id", h("code", {}, video.id)],
    ["Key", whose],
    ["Model", video.model],
    ["Executed by", `${metadata.provider_name} (${metadata.executed_model})`],
    ["Id there", metadata.upstream_id && h("code", {}, metadata.upstream_id)],
    ["Mode", mode],
    ["Size", video.size.replace("x", " × ")],
    ["Seconds", video.seconds],
    ["Outputs", video.n],
    ["Remix of", from && h("a", { href: `#/videos/${from}` }, from)],
    ["Estimated", metadata.cost_estimate === null ? "unknown" : money(metadata.cost_estimate)],
    ["Cost", metadata.cost === null ? null : money(metadata.cost)],
    ["Created", moment(video.created_at)],
    ["Took", PENDING.has(video.status) ? null : span(steps.at(-1).at - steps[0].at)],
    ["Files until", video.expires_at && moment(video.expires_at)],
    ...Object.entries(metadata).filter(([name]) => !OURS.has(name)).map(([name, value]) => [name, String(value)]),
  ]);
}

function warnings(video) {
  if (!video.warnings.length) return h("p", { class: "muted" }, "Everything was done as asked.");
  return h("ul", { class: "warnings" }, video.warnings.map(({ message, code }) => h("li", {}, message, " ", h("code", {}, code))));
}

function downloads(video) {
  const there = video.outputs.filter((output) => output.url);
  if (!there.length) return h("p", { class: "muted" }, "There are none.");
  const link = (output, variant, name) => h("a", { href: mediaUrl(video, output, variant), download: true }, name);
  return h(
    "ul",
    { class: "files" },
    there.map((output) =>
      h(
        "li",
        {},
        h("span", { class: "row" }, link(output, "video", "Video (MP4)"), link(output, "thumbnail", "Thumbnail"), link(output, "spritesheet", "Spritesheet")),
        h("span", { class: "hint" }, `${output.width} × ${output.height} · ${output.duration.toFixed(1)} s · ${output.fps} fps · ${bytes(output.size_bytes)}`),
      ),
    ),
  );
}
