// Charts as inline SVG: columns over time, bars by size. Arrow keys walk over the marks, each of which says what it is;
// the figures themselves stand in a table beside every chart.

import { h, replace, svg } from "./dom.js";

const HEIGHT = 220;
const LEFT = 52;
const RIGHT = 20;
const BOTTOM = 24;
const TOP = 8;
const LABEL = 64; // pixels that a label below the axis takes
const ROW = 44;
const GLYPH = 7.2; // pixels of a letter, about
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

// points: [{ label, value, told }]; `told` is said of the mark, `format` writes a value at the axis, given the step, too.
export function columns(label, points, format) {
  return chart(label, (width) => {
    const marks = ticksOf(Math.max(...points.map(({ value }) => value)));
    const top = marks.at(-1);
    const band = (width - LEFT - RIGHT) / points.length;
    const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
    const every = Math.ceil(LABEL / band);
    const axis = marks.flatMap((value) => [
      svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, format(value, marks[1])),
    ]);
    const names = points.map(({ label: name }, index) =>
      (points.length - 1 - index) % every ? null : svg("text", { x: LEFT + (index + 0.5) * band, y: HEIGHT - 6, "text-anchor": "middle" }, name),
    );
    const thick = Math.max(2, Math.min(36, band * 0.7));
    const drawn = points.map(({ value, told }, index) => {
      const x = LEFT + index * band;
      const bar = { x: x + (band - thick) / 2, y: y(value), width: thick, height: HEIGHT - BOTTOM - y(value), rx: Math.min(3, thick / 3) };
      return mark(told, { x, y: TOP, width: band, height: HEIGHT - BOTTOM - TOP }, svg("rect", { ...bar, class: "amount" }));
    });
    return { height: HEIGHT, axis: [...axis, ...names], drawn };
  });
}

// The longest bar is the greatest value.
export function bars(label, points, format) {
  return chart(label, (width) => {
    const top = Math.max(...points.map(({ value }) => value));
    const drawn = points.map(({ label: name, value, told }, index) => {
      const y = index * ROW;
      const figure = format(value);
      const room = Math.floor((width - 24) / GLYPH) - figure.length;
      return mark(
        told,
        { x: 0, y: y + 2, width, height: ROW - 6 },
        svg("text", { x: 0, y: y + 18, class: "name" }, name.length > room ? `${name.slice(0, room - 1)}…` : name),
        svg("text", { x: width, y: y + 18, class: "figure", "text-anchor": "end" }, figure),
        svg("rect", { x: 0, y: y + 26, width, height: 8, rx: 3, class: "track" }),
        svg("rect", { x: 0, y: y + 26, width: (value / top) * width, height: 8, rx: 3, class: "amount" }),
      );
    });
    return { height: points.length * ROW, axis: [], drawn };
  });
}

// From 0 in even steps to the first that is not below the greatest value.
export function ticksOf(greatest) {
  const rough = greatest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
  return Array.from({ length: Math.ceil((greatest / step) * 0.999) + 1 }, (_, index) => index * step);
}

function chart(label, draw) {
  const tip = h("p", { class: "tip", "aria-hidden": "true", hidden: true });
  const figure = h("div", { class: "chart" });
  let drawnFor = 0;
  let current = 0;

  function redraw() {
    const width = Math.floor(figure.clientWidth);
    if (!width || width === drawnFor) return;
    drawnFor = width;
    const { height, axis, drawn } = draw(width);
    drawn.forEach((each, index) => {
      each.setAttribute("tabindex", index === current ? "0" : "-1");
      each.addEventListener("focus", () => {
        choose(drawn, index);
        tell(each);
      });
      each.addEventListener("pointerenter", () => tell(each));
      each.addEventListener("pointerleave", hide);
      each.addEventListener("blur", hide);
      each.addEventListener("keydown", (event) => move(event, drawn, index));
    });
    const image = svg("svg", { role: "group", "aria-label": `${label}: arrow keys read it`, width, height, viewBox: `0 0 ${width} ${height}` });
    image.append(svg("g", { class: "axis", "aria-hidden": "true" }, axis), ...drawn);
    replace(figure, image, tip);
  }

  function choose(drawn, index) {
    drawn[current].setAttribute("tabindex", "-1");
    drawn[index].setAttribute("tabindex", "0");
    current = index;
  }

  function move(event, drawn, index) {
    if (event.key === "Escape") return hide();
    const next = { Home: 0, End: drawn.length - 1 }[event.key] ?? index + (STEPS[event.key] ?? Number.NaN);
    if (!(next in drawn)) return;
    event.preventDefault();
    drawn[next].focus();
  }

  function tell(target) {
    tip.textContent = target.getAttribute("aria-label");
    tip.hidden = false;
    const [box, around] = [target.getBoundingClientRect(), figure.getBoundingClientRect()];
    const middle = box.left + box.width / 2 - around.left - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(0, Math.min(around.width - tip.offsetWidth, middle))}px`;
    tip.style.top = `${box.top - around.top - tip.offsetHeight - 2}px`;
  }

  function hide() {
    tip.hidden = true;
  }

  new ResizeObserver(redraw).observe(figure);
  return figure;
}

function mark(told, place, ...shapes) {
  return svg("g", { class: "mark", role: "img", "aria-label": told }, svg("rect", { ...place, class: "hit", rx: 4 }), ...shapes);
}
