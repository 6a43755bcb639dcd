// What is filled in: one object, and who wants to know when it changes.

const FRESH = {
  model: null, // as /v1/models describes it
  mode: "text-to-video",
  prompt: "",
  size: "",
  aspect_ratio: "",
  resolution: "",
  seconds: "",
  n: 1,
  strict: false,
  images: [], // [{ file_id, name, preview }]
  video: null, // { file_id or id, name, remix }
};

export function createState(initial) {
  const listeners = [];
  let values = { ...FRESH, ...initial };
  return {
    get: () => values,
    // Change some values; whoever listens is told what they were.
    set(changes) {
      const before = values;
      values = { ...values, ...changes };
      for (const listener of listeners) listener(values, before);
    },
    listen(listener) {
      listeners.push(listener);
      listener(values, {});
    },
  };
}
