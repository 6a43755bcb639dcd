// Which view the address asks for: "#/videos/video_1?status=failed" is ["videos", "video_1"] and its query.

export function place() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [room, ...rest] = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { room: room ?? "playground", rest, query: new URLSearchParams(search) };
}

export function go(path) {
  location.hash = `#/${path}`;
}

// Keep the address up to date without showing the view anew.
export function note(path) {
  history.replaceState(null, "", `#/${path}`);
}
