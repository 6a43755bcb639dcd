// Keeps the gallery true by one stream of all that happens. A browser has six connections per host for all its tabs, so
// a page that nobody sees gives its own up; once it is seen again, everything is read anew.

import { followAll } from "../events.js";

// Returns how to follow another key's videos: by its id, "all", or "" for one's own.
export function keepLive({ signal, keyId: first, ...told }) {
  let keyId = first;
  let current = new AbortController();

  function begin() {
    current.abort();
    current = new AbortController();
    if (document.visibilityState === "visible") followAll({ signal: AbortSignal.any([signal, current.signal]), keyId, ...told });
  }

  document.addEventListener("visibilitychange", begin, { signal });
  begin();
  return (id) => {
    if (id === keyId) return;
    keyId = id;
    begin();
  };
}
