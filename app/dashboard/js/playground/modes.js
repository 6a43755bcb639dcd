// The five ways to make a video: what they are called, and what each starts from.

export const MODES = [
  { id: "text-to-video", name: "Text", needs: null, hint: "A video from words alone." },
  { id: "image-to-video", name: "Image", needs: "image", hint: "One picture that begins to move." },
  { id: "reference-to-video", name: "References", needs: "images", hint: "Several pictures of what shall be in it." },
  { id: "edit", name: "Edit", needs: "video", hint: "A video, changed." },
  { id: "extend", name: "Extend", needs: "video", hint: "A video, continued." },
];

export const modeNamed = (id) => MODES.find((mode) => mode.id === id) ?? MODES[0];
