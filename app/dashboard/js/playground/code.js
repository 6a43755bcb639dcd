// The request that is filled in, as a program: it runs as it stands once the key is in its place.

const KEY = "YOUR_API_KEY";

export const LANGUAGES = [
  { id: "curl", name: "curl", write: curl },
  { id: "python", name: "Python", write: python },
  { id: "node", name: "Node", write: node },
];

function curl({ path, body }, base) {
  return [
    `curl -s ${base}${path} \\`,
    `  -H "Authorization: Bearer ${KEY}" \\`,
    '  -H "Content-Type: application/json" \\',
    `  -d '${JSON.stringify(body, null, 2).replaceAll("'", "'\\''")}'`,
  ].join("\n");
}

// `known` are the SDK's own arguments, `demanded` those that it wants in any case; the rest goes into extra_body, as a
// video named by its id does, which the SDK itself takes for a file that is none.
const PYTHON_CALLS = {
  create: { known: ["prompt", "model", "seconds", "size"], demanded: [] },
  edit: { known: ["prompt"], demanded: ["video"] },
  extend: { known: ["prompt", "seconds"], demanded: ["seconds", "video"] },
  remix: { known: ["prompt"], demanded: [] },
};

function python({ path, body }, base) {
  const method = kind(path);
  const { known, demanded } = PYTHON_CALLS[method];
  const named = Object.entries(body).filter(([name]) => known.includes(name));
  const extra = Object.fromEntries(Object.entries(body).filter(([name]) => !known.includes(name)));
  const omitted = demanded.filter((name) => !named.some(([each]) => each === name));
  const lines = [
    ...(method === "remix" ? [JSON.stringify(clip(path))] : []),
    ...named.map(([name, value]) => `${name}=${literal(value)}`),
    ...omitted.map((name) => `${name}=omit`),
    ...(Object.keys(extra).length ? [`extra_body=${literal(extra)}`] : []),
  ];
  return [
    `from openai import OpenAI${omitted.length ? ", omit" : ""}`,
    "",
    `client = OpenAI(base_url=${literal(base)}, api_key=${literal(KEY)})`,
    `video = client.videos.${method}(`,
    ...lines.map((line) => `    ${line},`),
    ")",
    "video = client.videos.poll(video.id)",
    "print(video.status, video.error)",
    'client.videos.download_content(video.id).write_to_file("video.mp4")',
  ].join("\n");
}

function node({ path, body }, base) {
  const call = kind(path);
  const first = call === "remix" ? `${JSON.stringify(clip(path))}, ` : "";
  return [
    'import { writeFile } from "node:fs/promises";',
    'import OpenAI from "openai";',
    "",
    `const client = new OpenAI({ baseURL: ${JSON.stringify(base)}, apiKey: ${JSON.stringify(KEY)} });`,
    `let video = await client.videos.${call}(${first}${JSON.stringify(body, null, 2)});`,
    'while (video.status === "queued" || video.status === "in_progress") {',
    "  await new Promise((resolve) => setTimeout(resolve, 1000));",
    "  video = await client.videos.retrieve(video.id);",
    "}",
    "console.log(video.status, video.error);",
    "const content = await client.videos.downloadContent(video.id);",
    'await writeFile("video.mp4", Buffer.from(await content.arrayBuffer()));',
  ].join("\n");
}

function kind(path) {
  if (path.endsWith("/remix")) return "remix";
  return { "/videos/edits": "edit", "/videos/extensions": "extend" }[path] ?? "create";
}

const clip = (path) => path.split("/")[2];

// A value in Python's words; JSON's strings and numbers are Python's, too.
function literal(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}
