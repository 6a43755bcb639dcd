// What can be done with a video: go on from it, stop it, remove it.

import { call, reason } from "../api.js";
import { confirm } from "../confirm.js";
import { h } from "../dom.js";
import { PENDING } from "../events.js";
import { firstFinished } from "../media.js";
import { toast } from "../notify.js";
import { mayWrite } from "../session.js";
import { mayEnd } from "./whose.js";

const ONWARD = [
  ["remix", "Remix"],
  ["edit", "Edit"],
  ["extend", "Extend"],
  ["again", "Prompt again"],
];

export function actions(video, { onChange, onDeleted }) {
  if (!mayWrite()) return [];
  if (PENDING.has(video.status)) return mayEnd(video) ? [button("Cancel", () => cancel(video, onChange))] : [];
  const onward = ONWARD.filter(([as]) => as === "again" || (firstFinished(video) && !video.key_id));
  return [
    ...onward.map(([as, name]) => h("a", { href: `#/playground?from=${video.id}&as=${as}` }, name)),
    mayEnd(video) ? button("Delete", () => remove(video, onDeleted)) : null,
  ];
}

function button(name, onclick) {
  return h("button", { type: "button", class: "quiet", onclick }, name);
}

async function cancel(video, onChange) {
  const sure = await confirm("Cancel this video?", "It stops; what the provider has already charged stays charged.", "Cancel video", "Go on");
  if (sure) await attempt(async () => onChange(await call("POST", `/v1/videos/${video.id}/cancel`)), "The video is cancelled.");
}

async function remove(video, onDeleted) {
  const sure = await confirm("Delete this video?", "Its files and its prompt are removed for good; its cost stays in the accounts.", "Delete", "Keep");
  if (!sure) return;
  await attempt(async () => {
    await call("DELETE", `/v1/videos/${video.id}`);
    onDeleted();
  }, "The video is deleted.");
}

async function attempt(work, done) {
  try {
    await work();
    toast(done);
  } catch (error) {
    toast(reason(error));
  }
}
