// Keeps the gallery true: the newest pending videos by server-sent events, everything else by looking again.
// A browser has six connections per host, so only some are streams.

import { follow, wait } from "../events.js";

const STREAMS = 3;
const LOOK_MS = 4000;

// `pending` names the pending videos, `look` reads the newest page again.
export function keepLive({ signal, pending, onVideo, onDeleted, look }) {
  const followed = new Map();

  function fill() {
    for (const id of pending()) {
      if (followed.size >= STREAMS) return;
      if (followed.has(id)) continue;
      const done = follow(id, { signal, onVideo, onDeleted: () => onDeleted(id) });
      followed.set(id, done);
      done.finally(() => followed.delete(id));
    }
  }

  async function run() {
    while (!signal.aborted) {
      fill();
      await wait(LOOK_MS, signal);
      if (!signal.aborted && document.visibilityState === "visible") await look();
    }
  }

  run();
}
