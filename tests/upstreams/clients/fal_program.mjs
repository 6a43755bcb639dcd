// @fal-ai/client against the fake at argv[2]; prints what it saw as JSON. Only the hosts are changed (fal.md §8.2).
import { createFalClient } from "@fal-ai/client";

const [base, key] = process.argv.slice(2);
const fal = createFalClient({
  credentials: key,
  requestMiddleware: async (request) => ({
    ...request,
    url: request.url.replace(/^https:\/\/((queue\.)?fal\.run|rest\.fal\.ai)/, base),
  }),
});
const ENDPOINT = "xai/grok-imagine-video/text-to-video";
const seen = {};

// Puts the fake's time forward by one second: what waits begins to run, what runs ends.
async function passTime() {
  await fetch(`${base}/_fake/advance`, { method: "POST", body: JSON.stringify({ seconds: 1 }) });
}

// Lets a job that was seen to wait or run go on.
function goOn(update) {
  if (update.status !== "COMPLETED") passTime();
}

const states = new Set();
const result = await fal.subscribe(ENDPOINT, {
  input: { prompt: "node subscribes", duration: 2 },
  logs: true,
  pollInterval: 20,
  onQueueUpdate: (update) => {
    states.add(update.status);
    goOn(update);
  },
});
const film = await fetch(result.data.video.url);
seen.subscribe = {
  video: result.data.video,
  requestId: result.requestId,
  states: [...states],
  bytes: (await film.arrayBuffer()).byteLength,
};

const streamed = await fal.subscribe(ENDPOINT, {
  input: { prompt: "node streams" },
  mode: "streaming",
  onQueueUpdate: goOn,
});
seen.streamed = streamed.data.video.num_frames;

const { request_id: requestId } = await fal.queue.submit(ENDPOINT, { input: { prompt: "node submits" } });
seen.status = (await fal.queue.status(ENDPOINT, { requestId, logs: true })).status;
await fal.queue.subscribeToStatus(ENDPOINT, { requestId, pollInterval: 20, onQueueUpdate: goOn });
seen.completed = await fal.queue.status(ENDPOINT, { requestId, logs: true });
seen.result = (await fal.queue.result(ENDPOINT, { requestId })).data.video.duration;

const held = await fal.queue.submit(ENDPOINT, { input: { prompt: "node cancels" } });
await fal.queue.cancel(ENDPOINT, { requestId: held.request_id });
seen.cancelled = await fal.queue.status(ENDPOINT, { requestId: held.request_id });

const picture = Buffer.from(process.argv[4], "base64");
const url = await fal.storage.upload(new Blob([picture], { type: "image/png" }));
seen.uploaded = Buffer.from(await (await fetch(url)).arrayBuffer()).equals(picture);
const big = new Blob([new Uint8Array(91 * 1024 * 1024)], { type: "image/png" });
seen.multipart = (await (await fetch(await fal.storage.upload(big))).arrayBuffer()).byteLength;
const moving = await fal.subscribe("xai/grok-imagine-video/image-to-video", {
  input: { prompt: "node moves a picture", image_url: new Blob([picture], { type: "image/png" }), duration: 1 },
  pollInterval: 20,
  onQueueUpdate: goOn,
});
seen.moving = moving.data.video;

async function failure(input) {
  try {
    await fal.subscribe(ENDPOINT, { input, pollInterval: 20, onQueueUpdate: goOn });
  } catch (error) {
    return { name: error.name, status: error.status, body: error.body };
  }
}
seen.wrong = await failure({ prompt: "node errs", duration: 99 });
seen.flagged = await failure({ prompt: "node is flagged" });
console.log(JSON.stringify(seen));
