// Whose videos are shown: an admin may look at those of other keys, and keys have names.

import { call } from "../api.js";
import { session } from "../session.js";

const NAMELESS = [
  ["admin", "REELGATE_ADMIN_KEY"],
  ["open", "Before there were keys"],
];

export const seesOthers = () => session.role === "admin" && !session.open;

// The names of all keys by their ids; for who is no admin there are none.
export async function keyNames(signal) {
  if (!seesOthers()) return new Map();
  const { data } = await call("GET", "/v1/keys", { signal });
  return new Map([...data.map(({ id, name }) => [id, name]), ...NAMELESS]);
}
