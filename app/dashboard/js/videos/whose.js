// Whose videos are shown: an admin may look at those of other keys, and keys have names.

import { call, query } from "../api.js";
import { session } from "../session.js";

const EARLY = "open"; // who owned what was made before there were keys
const NAMELESS = [
  ["admin", "REELGATE_ADMIN_KEY"],
  [EARLY, "Before there were keys"],
];

export const seesOthers = () => session.role === "admin" && !session.open;

// Another key's is only looked at; what is nobody's, an admin may cancel and delete.
export const mayEnd = (video) => !video.key_id || video.key_id === EARLY;

// Where to see what was made before there were keys; null where there is none, or it is not this key's to see.
export async function earlyVideos(signal) {
  if (!seesOthers()) return null;
  const { data } = await call("GET", `/v1/videos${query({ key_id: EARLY, limit: 1 })}`, { signal });
  return data.length ? `#/videos${query({ key_id: EARLY })}` : null;
}

// The names of all keys by their ids; for who is no admin there are none.
export async function keyNames(signal) {
  if (!seesOthers()) return new Map();
  const { data } = await call("GET", "/v1/keys", { signal });
  return new Map([...data.map(({ id, name }) => [id, name]), ...NAMELESS]);
}
