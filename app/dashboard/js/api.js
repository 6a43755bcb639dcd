// The public API, by the session's cookie. The header says that our own page asks: without it the cookie counts for nothing.

const OWN = { "x-reelgate-session": "1" };

export const signals = new EventTarget(); // "signed-out": the session has ended, or never began; "signed-in": it began while the page was open

export class ApiError extends Error {
  constructor(status, { message, code, param }, retryAfter) {
    super(message);
    Object.assign(this, { status, code, param, retryAfter: Number(retryAfter) || null });
  }
}

export async function send(method, path, { json, form, headers, signal } = {}) {
  const response = await fetch(path, {
    method,
    signal,
    headers: { ...OWN, ...(json ? { "content-type": "application/json" } : {}), ...headers },
    body: json ? JSON.stringify(json) : form,
  });
  if (response.ok) return response;
  const failure = new ApiError(response.status, await explain(response), response.headers.get("retry-after"));
  if (response.status === 401 && path !== "/session") signals.dispatchEvent(new Event("signed-out"));
  throw failure;
}

export async function call(method, path, options) {
  return (await send(method, path, options)).json();
}

export function query(values) {
  const known = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return known.length ? `?${new URLSearchParams(known)}` : "";
}

// Say to a person what went wrong; nothing for what was given up on purpose.
export function reason(error) {
  if (error.name === "AbortError") return "";
  if (error instanceof ApiError) return error.message;
  if (error instanceof TypeError) return "The gateway does not answer. Is it running?";
  return String(error.message || error);
}

async function explain(response) {
  try {
    return (await response.json()).error;
  } catch {
    return { message: `The gateway answered with status ${response.status}.`, code: null, param: null };
  }
}
