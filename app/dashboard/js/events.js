// Follows videos by server-sent events (docs/api.md, "Waiting"). fetch rather than EventSource, which sends no headers.

import { ApiError, query, send } from "./api.js";

const LONGEST_MS = 10000;

export const PENDING = new Set(["queued", "in_progress"]);

// Calls onVideo with each state until the video has ended or the signal aborts; onDeleted where it went away.
export async function follow(id, { signal, onVideo, onDeleted = () => {} }) {
  let seen = null;
  await keepReading(`/v1/videos/${id}/events`, {
    signal,
    headers: () => (seen ? { "last-event-id": seen } : {}),
    onGone: onDeleted,
    onEvent({ name, id: mark, data }) {
      if (name === "video.deleted") {
        onDeleted();
        return true;
      }
      seen = mark;
      const video = JSON.parse(data);
      onVideo(video);
      return !PENDING.has(video.status);
    },
  });
}

// Calls onVideo and onDeleted with every change of the key's videos until the signal aborts. onReady is called whenever
// all that happens from then on will be told: what happened before is for a list to say.
export async function followAll({ signal, keyId, onReady, onVideo, onDeleted }) {
  await keepReading(`/v1/videos/events${query({ key_id: keyId })}`, {
    signal,
    onEvent({ name, data }) {
      if (name === "videos.ready") onReady();
      else if (name === "video.deleted") onDeleted(JSON.parse(data).id);
      else onVideo(JSON.parse(data));
    },
  });
}

// Reads a stream, and again whenever it was cut off, until onEvent returns true or there is no more to come.
async function keepReading(path, { signal, headers = () => ({}), onEvent, onGone = () => {} }) {
  for (let pause = 1000; !signal.aborted; pause = Math.min(pause * 2, LONGEST_MS)) {
    try {
      const response = await send("GET", path, { signal, headers: headers() });
      if (response.status === 204) return;
      for await (const event of read(response.body)) {
        pause = 1000;
        if (onEvent(event)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 404) return onGone();
      if (error instanceof ApiError && [401, 403].includes(error.status)) return;
      if (error.retryAfter) pause = error.retryAfter * 1000;
    }
    await wait(pause, signal);
  }
}

export function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}

async function* read(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = parse(text.slice(0, end));
        text = text.slice(end + 2);
        if (event.data) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already
  }
}

function parse(block) {
  const event = { name: "message", id: null, data: "" };
  for (const line of block.split("\n")) {
    const [field, value] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)];
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") event.data += value;
  }
  return event;
}
