"""A still picture that comes nearer or drifts away, smoothly and cheaply.

Scaling by the video scaler knows whole pixels only. So the picture is scaled in steps of two pixels, which keep its
middle in place, and each frame is the blend of the two steps it falls between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.providers.local.canvas import Canvas

if TYPE_CHECKING:
    import av


class Zoom:
    """`picture` filling the frame, up to `amount` (share of the width) larger than the frame."""

    def __init__(
        self, picture: av.VideoFrame, size: tuple[int, int], amount: float, focus: tuple[float, float]
    ) -> None:
        self._picture = picture
        self._size = size
        self._focus = focus  # which point stays: 0 is left or top, 1 right or bottom
        self._last = max(1, round(size[0] * amount / 2))
        self._kept: dict[int, Canvas] = {}

    def draw(self, canvas: Canvas, nearness: float) -> None:
        """Draw the picture at `nearness` 0 (all of it) to 1 (nearest)."""
        place = nearness * self._last
        step = min(int(place), self._last - 1)
        near, far = self._scaled(step), self._scaled(step + 1)
        self._kept = {step: near, step + 1: far}
        canvas.pixels[:] = near.pixels
        canvas.mix(far.pixels, place - step)

    def _scaled(self, step: int) -> Canvas:
        if step in self._kept:
            return self._kept[step]
        width, height = self._size
        wider, taller = 2 * step, 2 * round(step * height / width)
        frame = self._picture.reformat(width + wider, height + taller, interpolation="BICUBIC")
        canvas = Canvas(width, height)
        canvas.show(frame, round(wider * self._focus[0]), round(taller * self._focus[1]))
        return canvas
