// Draws a frame's shape.

import { svg } from "../dom.js";

// The sign for a shape that the model chooses.
export function anyShape(side) {
  const inset = side / 6;
  const inner = side - 2 * inset;
  const rect = svg("rect", { x: inset, y: inset, width: inner, height: inner, rx: side / 8, "stroke-dasharray": side / 8 });
  return svg("svg", { viewBox: `0 0 ${side} ${side}`, class: "shape", "aria-hidden": "true" }, rect);
}

// A box of `side` units that holds a frame of this ratio ("16:9", "1280x720"); null where the ratio is not known.
export function shape(ratio, side) {
  const sides = String(ratio).split(/[x:]/).map(Number);
  if (sides.length !== 2 || !sides.every((each) => each > 0)) return null;
  const inner = side - 2;
  const scale = inner / Math.max(...sides);
  const [width, height] = sides.map((each) => Math.max(each * scale, 1.5));
  return svg(
    "svg",
    { viewBox: `0 0 ${side} ${side}`, class: "shape", "aria-hidden": "true" },
    svg("rect", { x: (side - width) / 2, y: (side - height) / 2, width, height, rx: side / 24 }),
  );
}
