// Moments, as long as they are away, with the exact one under the pointer; they stay true while a page stays open.

import { h } from "./dom.js";
import { moment } from "./format.js";

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const AGAIN_MS = 10000;

export function when(unix) {
  return h("time", { "data-when": unix, datetime: new Date(unix * 1000).toISOString(), title: moment(unix) }, words(unix));
}

function words(unix) {
  const away = unix - Date.now() / 1000;
  const [unit, seconds] = UNITS.find(([, each]) => Math.abs(away) >= each) ?? ["second", 1];
  return unit === "second" && away <= 0 ? "just now" : RELATIVE.format(Math.round(away / seconds), unit);
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-when]")) time.textContent = words(Number(time.dataset.when));
}, AGAIN_MS);
