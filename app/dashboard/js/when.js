// Moments, as long as they are away, with the exact one under the pointer.

import { h } from "./dom.js";
import { moment } from "./format.js";

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

export function when(unix) {
  const away = unix - Date.now() / 1000;
  const [unit, seconds] = UNITS.find(([, each]) => Math.abs(away) >= each) ?? ["second", 1];
  const words = unit === "second" && away <= 0 ? "just now" : RELATIVE.format(Math.round(away / seconds), unit);
  return h("time", { datetime: new Date(unix * 1000).toISOString(), title: moment(unix) }, words);
}
