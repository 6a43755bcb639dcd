// The focus, where a list is drawn anew.

// Leaves it on the same button of the same entry, found by its id; where that is gone, it goes to the view.
export function keepFocus(container, draw) {
  const held = container.contains(document.activeElement) ? document.activeElement : null;
  const entry = held?.closest("[id]");
  const place = entry ? [...entry.querySelectorAll("button")].indexOf(held) : -1;
  draw();
  if (!held) return;
  const now = document.getElementById(entry.id)?.querySelectorAll("button")[place];
  (now ?? document.getElementById("view")).focus({ preventScroll: true });
}
