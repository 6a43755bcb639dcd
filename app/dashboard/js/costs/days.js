// Days of UTC, as /v1/usage groups them.

const DAY_MS = 24 * 3600 * 1000;
const SHORT = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", month: "short", day: "numeric" });
const LONG = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", dateStyle: "medium" });

// The last `count` days as "2026-11-20", the oldest first, today the last.
export function lastDays(count, now = Date.now()) {
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  return Array.from({ length: count }, (_, index) => new Date(today - (count - 1 - index) * DAY_MS).toISOString().slice(0, 10));
}

export const startOf = (day) => Date.parse(day) / 1000;
export const shortDay = (day) => SHORT.format(Date.parse(day));
export const longDay = (day) => LONG.format(Date.parse(day));
