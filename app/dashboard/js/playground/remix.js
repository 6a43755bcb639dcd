// Says that what is being filled in is a remix, of which video, and how to leave that.

import { h, replace } from "../dom.js";
import { fitting } from "./form.js";

export function remixNote(state) {
  const note = h("p", { class: "remix row", role: "note", hidden: true });
  const leave = () => state.set({ video: null, ...fitting({ ...state.get(), mode: "text-to-video" }) });

  state.listen(({ mode, video }) => {
    note.hidden = !(mode === "edit" && video?.remix);
    if (note.hidden) return;
    const link = h("a", { href: `#/videos/${video.id}` }, video.id);
    replace(note, h("span", {}, "Remix of ", link), h("button", { type: "button", class: "quiet", onclick: leave }, "Begin anew"));
  });
  return note;
}
