// Figures and times as people read them, in the reader's own language.

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const STATUS = { queued: "Queued", in_progress: "In progress", completed: "Completed", failed: "Failed" };

export const moment = (unix) => MOMENT.format(unix * 1000);
export const clock = (unix) => CLOCK.format(unix * 1000);

export function money(dollars) {
  if (dollars === null || dollars === undefined) return "unknown";
  if (dollars === 0) return "free";
  return `$${dollars.toFixed(dollars < 0.1 ? 4 : 2).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  let size = count;
  for (; size >= 1024 && unit < units.length - 1; unit += 1) size /= 1024;
  return `${size.toFixed(unit && size < 10 ? 1 : 0)} ${units[unit]}`;
}

export function span(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function statusOf(video) {
  return video.error?.code === "cancelled" ? "Cancelled" : STATUS[video.status];
}

export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
