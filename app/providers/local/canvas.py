"""A frame being drawn, and the layers drawn on it, in the encoder's own planar YUV 4:2:0.

Drawing straight into the planes moves 1.5 bytes a pixel instead of four and needs no colour conversion per frame;
that is most of why a clip renders several times faster than it plays. Colours are BT.709, limited range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import av
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Bytes: TypeAlias = NDArray[np.uint8]

Rgb: TypeAlias = "tuple[float, float, float]"  # 0..1, as a monitor shows it
Plane: TypeAlias = "Image.Image | int"

_BT709 = np.array(
    [[46.559, 156.629, 15.812], [-25.664, -86.336, 112.0], [112.0, -101.730, -10.270]],
    dtype=np.float32,
)
_OFFSET = np.array([16.0, 128.0, 128.0], dtype=np.float32)
_NEARLY_WHOLE = 1 / 64  # pixel; a smaller shift cannot be seen


@dataclass(frozen=True, slots=True)
class Layer:
    """Something to draw: colour planes (a number is a flat colour) and, where it is not opaque, its masks."""

    y: Plane
    u: Plane
    v: Plane
    mask: Image.Image | None = None  # the luma's size
    half_mask: Image.Image | None = None  # the chroma's size

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in luma pixels."""
        sized = self.mask or self.y
        if isinstance(sized, int):
            raise TypeError("a flat colour without a mask has no size")
        return sized.size

    def faded(self, opacity: float) -> Layer:
        """Return the masked layer at `opacity` (0..1)."""
        if self.mask is None or self.half_mask is None:
            raise TypeError("only a masked layer fades")
        table = [round(level * opacity) for level in range(256)]
        return Layer(self.y, self.u, self.v, self.mask.point(table), self.half_mask.point(table))


class Canvas:
    """One frame, drawn over again for every frame of the clip."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.pixels: Bytes = np.zeros((height * 3 // 2, width), np.uint8)
        luma, chroma = width * height, width * height // 4
        flat = self.pixels.reshape(-1)
        self.planes: tuple[Bytes, Bytes, Bytes] = (
            flat[:luma].reshape(height, width),
            flat[luma : luma + chroma].reshape(height // 2, width // 2),
            flat[luma + chroma :].reshape(height // 2, width // 2),
        )
        self._images = tuple(_view(plane) for plane in self.planes)

    def draw(self, layer: Layer, left: float = 0.0, top: float = 0.0) -> None:
        """Draw `layer` with its corner at (`left`, `top`) luma pixels; fractions move it smoothly."""
        width, height = layer.size
        _paste(self._images[0], layer.y, layer.mask, (left, top, width, height))
        chroma_box = (left / 2, top / 2, width // 2, height // 2)
        _paste(self._images[1], layer.u, layer.half_mask, chroma_box)
        _paste(self._images[2], layer.v, layer.half_mask, chroma_box)

    def show(self, frame: av.VideoFrame, left: int = 0, top: int = 0) -> None:
        """Fill the canvas with the yuv420p `frame`, from its pixel (`left`, `top`) on."""
        for index, (target, plane) in enumerate(zip(self.planes, planes_of(frame), strict=True)):
            x, y = (left, top) if index == 0 else (left // 2, top // 2)
            target[:] = plane[y : y + target.shape[0], x : x + target.shape[1]]

    def mix(self, other: Bytes, share: float) -> None:
        """Dissolve `share` (0..1) of `other`, the pixels of a canvas of this size, into this one."""
        whole = _view(self.pixels)
        whole.paste(Image.blend(whole, _view(other), share))

    def frame(self) -> av.VideoFrame:
        """Return a copy as a video frame."""
        return av.VideoFrame.from_ndarray(self.pixels, format="yuv420p")


def planes_of(frame: av.VideoFrame) -> list[Bytes]:
    """Return the planes of an 8-bit planar frame without their padding."""
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]  # type: ignore[call-overload]
        for plane in frame.planes
    ]


def yuv(rgb: ArrayLike) -> Floats:
    """Convert colours (0..1, last axis red-green-blue) to BT.709 limited range (0..255)."""
    converted: Floats = np.asarray(rgb, np.float32) @ _BT709.T + _OFFSET
    return converted


def flat(rgb: Rgb, mask: Floats) -> Layer:
    """Return one colour under `mask` (0..1, even size)."""
    y, u, v = (round(float(level)) for level in yuv(rgb))
    return Layer(y, u, v, *masks(mask))


def painted(rgb: Floats, mask: Floats | None = None, size: tuple[int, int] | None = None) -> Layer:
    """Return the picture `rgb` (height, width, 3), whose sides of 1 are stretched to `size` (width, height).

    Luma is dithered: eight bits alone show bands in a calm sky.
    """
    levels = yuv(rgb)
    width, height = size or (rgb.shape[1], rgb.shape[0])
    luma = np.broadcast_to(levels[..., 0], (height, width)) + _dither(width, height)
    chroma = levels[:: 2 if rgb.shape[0] > 1 else 1, :: 2 if rgb.shape[1] > 1 else 1, 1:]
    u, v = (
        grey(np.broadcast_to(chroma[..., axis], (height // 2, width // 2)) + _dither(width // 2, height // 2))
        for axis in (0, 1)
    )
    return Layer(grey(luma), u, v, *(masks(mask) if mask is not None else (None, None)))


def from_rgba(image: Image.Image) -> Layer:
    """Return an RGBA picture of even size as a layer."""
    red_green_blue = np.asarray(image.convert("RGB"), np.float32) / 255
    levels = yuv(red_green_blue)
    mask = image.getchannel("A")
    y, u, v = (grey(levels[..., axis] + 0.5) for axis in range(3))
    return Layer(y, u.reduce(2), v.reduce(2), mask, mask.reduce(2))


def masks(mask: Floats) -> tuple[Image.Image, Image.Image]:
    """Return `mask` (0..1) for luma and for chroma."""
    image = grey(mask * 255 + _dither(mask.shape[1], mask.shape[0]) * (mask > 0))
    return image, image.reduce(2)


def grey(levels: Floats) -> Image.Image:
    """Return levels (0..255) as a one-channel picture."""
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def stacked(size: tuple[int, int], *placed: tuple[Layer, float, float]) -> Layer:
    """Draw layers (each with its left and top) on each other once and return the result as one opaque layer."""
    canvas = Canvas(*size)
    for layer, left, top in placed:
        canvas.draw(layer, left, top)
    y, u, v = (Image.fromarray(plane.copy()) for plane in canvas.planes)
    return Layer(y, u, v)


def _dither(width: int, height: int) -> Floats:
    """Return noise of 0..1: added before the fraction is cut off, it rounds every level fairly."""
    tile = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    return np.tile(tile, (height // 64 + 1, width // 64 + 1))[:height, :width]


def _view(plane: Bytes) -> Image.Image:
    """Return a picture that shares the memory of `plane`, so that drawing on it draws in the frame."""
    height, width = plane.shape
    image = Image.frombuffer("L", (width, height), plane.reshape(-1), "raw", "L", 0, 1)
    image.readonly = 0  # Pillow would copy at the first write
    return image


def _paste(target: Image.Image, plane: Plane, mask: Image.Image | None, box: tuple[float, float, int, int]) -> None:
    left, top, width, height = box
    x0, y0 = max(0, math.floor(left)), max(0, math.floor(top))
    x1, y1 = min(target.width, math.ceil(left + width)), min(target.height, math.ceil(top + height))
    if x0 >= x1 or y0 >= y1:
        return
    window = (x0 - left, y0 - top, x1 - x0, y1 - y0)
    target.paste(
        plane if isinstance(plane, int) else _crop(plane, window),
        (x0, y0, x1, y1),
        None if mask is None else _crop(mask, window),
    )


def _crop(image: Image.Image, window: tuple[float, float, int, int]) -> Image.Image:
    """Cut `window` (left, top, width, height) out; a fractional corner blends the neighbouring pixels."""
    left, top, width, height = window
    x, y = math.floor(left + _NEARLY_WHOLE), math.floor(top + _NEARLY_WHOLE)
    right, down = left - x, top - y
    cut = image.crop((x, y, x + width, y + height))
    if right > _NEARLY_WHOLE:
        cut = Image.blend(cut, image.crop((x + 1, y, x + 1 + width, y + height)), right)
    if down > _NEARLY_WHOLE:
        below = _crop(image, (left, y + 1, width, height))
        cut = Image.blend(cut, below, down)
    return cut
