// Who is signed in. The key itself is sent once and kept nowhere: a cookie that no script can read stands for it.

import { call } from "./api.js";

export const session = { signedIn: false, open: false, role: null, name: null };

export async function load() {
  take(await call("GET", "/session"));
}

export async function signIn(key) {
  take(await call("POST", "/session", { json: { api_key: key } }));
}

export async function signOut() {
  take(await call("DELETE", "/session"));
}

export const mayWrite = () => session.role !== "reader";

function take(answer) {
  Object.assign(session, {
    signedIn: answer.signed_in,
    open: answer.open ?? false,
    role: answer.role ?? null,
    name: answer.name ?? null,
  });
}
