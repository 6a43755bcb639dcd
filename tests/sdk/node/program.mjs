// What users do with openai-node, against the gateway in OPENAI_BASE_URL. Run by ../test_sdks.py.
// Prints {"version", "passed": [names], "failed": {name: stack}}.
import assert from "node:assert/strict";
import fs from "node:fs";
import OpenAI, { toFile } from "openai";

const [picture, ...wanted] = process.argv.slice(2);
const client = new OpenAI({ maxRetries: 0 });
const MANY = 150;
const SMALL = { resolution: "480p", seconds: 1 };
const LONG = { resolution: "720p", seconds: 15 }; // it is not drawn before it is cancelled
const OPENAI_FIELDS = {
  id: ["string"],
  object: ["string"],
  model: ["string"],
  status: ["string"],
  progress: ["number"],
  created_at: ["number"],
  completed_at: ["number", "null"],
  expires_at: ["number", "null"],
  prompt: ["string", "null"],
  size: ["string"],
  seconds: ["string"],
  remixed_from_video_id: ["string", "null"],
  error: ["object", "null"],
};

const bytes = () => fs.readFileSync(picture);
const dataUri = () => `data:image/png;base64,${bytes().toString("base64")}`;

// Node has no poll helper: this is what its users write.
async function finish({ id }) {
  for (;;) {
    const video = await client.videos.retrieve(id);
    if (video.status === "completed") return video;
    assert.notEqual(video.status, "failed", JSON.stringify(video.error));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const read = async (response) => Buffer.from(await response.arrayBuffer());

let small; // a finished video of two seconds that the checks share
const source = () => (small ??= client.videos.create({ prompt: "a red boat", ...SMALL, seconds: 2 }).then(finish));
const clip = async () => read(await client.videos.downloadContent((await source()).id));
const finishAll = (videos) => Promise.all(videos.map(async (video) => finish(await video)));

async function refused(kind, code, call) {
  const error = await call().then(() => assert.fail(`no ${kind.name}`), (caught) => caught);
  assert.ok(error instanceof kind, String(error));
  assert.equal(error.code, code, String(error));
  assert.ok(error.message && error.type && error.requestID);
  return error;
}

const checks = {
  async list_pages_through_everything() {
    const made = [];
    for (let number = 0; number < MANY; number++) {
      const { id } = await client.videos.create({ prompt: `number ${number}`, ...LONG });
      made.unshift(id);
      const stopped = await client.post(`/videos/${id}/cancel`);
      assert.deepEqual([stopped.status, stopped.error.code], ["failed", "cancelled"]);
    }
    const found = [];
    for await (const video of client.videos.list({ limit: 40 })) found.push(video.id);
    assert.deepEqual(found, made);
    const page = await client.videos.list({ limit: 3, after: made[10], order: "desc" });
    assert.deepEqual(page.data.map((video) => video.id), made.slice(11, 14));
    assert.ok(page.hasNextPage());
    assert.deepEqual((await page.getNextPage()).data.map((video) => video.id), made.slice(14, 17));
  },

  async create_and_retrieve() {
    const created = await client.videos.create({
      prompt: "a lighthouse at dusk", model: "sora-2", size: "854x480", seconds: "1", n: 2, metadata: { shot: "7" },
    });
    assert.equal(created.status, "queued");
    const video = await finish(created);
    for (const [name, kinds] of Object.entries(OPENAI_FIELDS)) {
      for (const each of [created, video]) {
        assert.ok(kinds.includes(each[name] === null ? "null" : typeof each[name]), `${name}: ${each[name]}`);
      }
    }
    assert.deepEqual([video.object, video.progress, video.size, video.seconds], ["video", 100, "854x480", "1"]);
    assert.deepEqual([video.outputs.length, video.metadata.shot, video.error], [2, "7", null]);
    assert.equal((await fetch(video.url)).status, 200);
  },

  async files_in_every_form() {
    const forms = [
      await toFile(bytes(), "README.md"),
      fs.createReadStream(picture),
      new File([bytes()], "ünïcode.png", { type: "image/png" }),
    ];
    const videos = await finishAll(forms.map((input_reference) =>
      client.videos.create({ prompt: "waves", input_reference, aspect_ratio: "1:1", ...SMALL })));
    assert.deepEqual(videos.map((video) => video.size), ["480x480", "480x480", "480x480"]);
  },

  async references_in_the_body() {
    const file = await client.files.create({ file: fs.createReadStream(picture), purpose: "vision" });
    const videos = await finishAll([{ image_url: dataUri() }, { file_id: file.id }, dataUri()].map((input_reference) =>
      client.videos.create({ prompt: "waves", input_reference, aspect_ratio: "1:1", ...SMALL })));
    assert.deepEqual(videos.map((video) => video.size), ["480x480", "480x480", "480x480"]);
    assert.equal((await client.files.delete(file.id)).deleted, true);
    await refused(OpenAI.NotFoundError, "file_not_found", () => client.files.retrieve(file.id));
  },

  async content() {
    const video = await source();
    const response = await client.videos.downloadContent(video.id);
    assert.equal(response.headers.get("content-type"), "video/mp4");
    const whole = await read(response);
    assert.equal(whole.length, video.output.size_bytes);
    assert.equal(whole.toString("latin1", 4, 8), "ftyp");
    const thumbnail = await read(await client.videos.downloadContent(video.id, { variant: "thumbnail" }));
    assert.equal(thumbnail.toString("latin1", 8, 12), "WEBP");
    const sheet = await client.videos.downloadContent(video.id, { variant: "spritesheet" });
    assert.equal(sheet.headers.get("content-type"), "image/jpeg");
    assert.equal((await read(sheet)).readUInt16BE(0), 0xffd8);
  },

  async delete() {
    const video = await client.videos.create({ prompt: "a door", ...SMALL });
    assert.deepEqual(await client.videos.delete(video.id), { id: video.id, object: "video.deleted", deleted: true });
    await refused(OpenAI.NotFoundError, "video_not_found", () => client.videos.retrieve(video.id));
  },

  async remix() {
    const { id } = await source();
    const remixed = await finish(await client.videos.remix(id, { prompt: "make it night" }));
    assert.deepEqual([remixed.remixed_from_video_id, remixed.size, remixed.seconds], [id, "854x480", "2"]);
  },

  async edit_and_extend() {
    const { id } = await source();
    const ways = [{ id }, await toFile(await clip(), "clip.mp4")];
    const videos = await finishAll(ways.flatMap((video) => [
      client.videos.edit({ prompt: "make it night", video }),
      client.videos.extend({ prompt: "it sails away", seconds: "2", video }),
    ]));
    assert.deepEqual(videos.map((video) => `${video.size} ${video.seconds}`), [
      "854x480 2", "854x480 4", "854x480 2", "854x480 4",
    ]);
  },

  async characters() {
    const character = await client.videos.createCharacter({ name: "Fox", video: await toFile(await clip(), "fox.mp4") });
    assert.deepEqual(await client.videos.getCharacter(character.id), character);
    const created = await client.videos.create({ prompt: "Fox runs", characters: [{ id: character.id }], ...SMALL });
    assert.deepEqual(created.warnings.map((warning) => warning.param), ["characters"]);
    assert.equal((await finish(created)).size, "854x480");
  },

  async errors() {
    const { BadRequestError, NotFoundError, AuthenticationError } = OpenAI;
    const create = (fields) => () => client.videos.create({ prompt: "x", ...SMALL, ...fields });
    assert.equal((await refused(BadRequestError, "invalid_value", create({ size: "huge" }))).param, "size");
    assert.equal((await refused(BadRequestError, "missing_required_parameter", create({ prompt: "" }))).param, "prompt");
    const text = await toFile(Buffer.from("no image"), "a.png");
    await refused(BadRequestError, "invalid_image", create({ input_reference: text }));
    await refused(NotFoundError, "model_not_found", create({ model: "sora-3" }));
    const error = await refused(NotFoundError, "video_not_found", () => client.videos.retrieve("video_123"));
    assert.equal(error.status, 404);
    const stranger = new OpenAI({ apiKey: "rg_nobody", maxRetries: 0 });
    await refused(AuthenticationError, "invalid_api_key", () => stranger.videos.list());
    const pending = await client.videos.create({ prompt: "x", ...LONG });
    await refused(NotFoundError, "video_not_ready", () => client.videos.downloadContent(pending.id));
    await client.videos.delete(pending.id);
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes("grok-imagine-video"));
    assert.equal((await client.models.retrieve("sora-2")).id, "grok-imagine-video");
  },
};

const report = { version: (await import("openai/version")).VERSION, passed: [], failed: {} };
for (const name of wanted) {
  try {
    await checks[name]();
    report.passed.push(name);
  } catch (error) {
    report.failed[name] = error.stack;
  }
}
process.stdout.write(JSON.stringify(report));
