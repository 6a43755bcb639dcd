// Where an output's files are: by its signed link, which <video> and <img> can follow, at the address that we were loaded from.

export function mediaUrl(video, output, variant = "video") {
  if (!output.url) return null;
  return `/v1/videos/${video.id}/content${new URL(output.url).search}&variant=${variant}`;
}

export function firstFinished(video) {
  return video.outputs.find((output) => output.url) ?? null;
}
