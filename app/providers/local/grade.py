"""Colour grades for edits: tables from the source's levels to new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.providers.local.canvas import yuv
from app.providers.local.palette import words_of

if TYPE_CHECKING:
    from app.providers.local.canvas import Bytes, Canvas, Floats, Rgb

_WORDS = {
    "noir": "noir black white monochrome grayscale greyscale classic film old",
    "ember": "red fire warm sunset gold golden orange autumn desert summer day",
    "frost": "blue ice cold winter snow night moon rain storm frost",
    "neon": "neon purple pink cyberpunk synthwave magenta violet city",
    "verdant": "green forest jungle spring moss matrix alien garden",
    "sepia": "sepia vintage antique western retro brown photo",
}
# shadows and highlights of each grade, how much of the source's own colour stays, and the contrast
_GRADES: dict[str, tuple[Rgb, Rgb, float, float]] = {
    "noir": ((0.02, 0.02, 0.03), (0.97, 0.96, 0.94), 0.0, 1.35),
    "ember": ((0.16, 0.03, 0.10), (1.0, 0.82, 0.50), 0.45, 1.15),
    "frost": ((0.01, 0.06, 0.20), (0.82, 0.95, 1.0), 0.30, 1.15),
    "neon": ((0.10, 0.0, 0.28), (1.0, 0.76, 0.95), 0.55, 1.2),
    "verdant": ((0.0, 0.09, 0.07), (0.90, 1.0, 0.68), 0.35, 1.15),
    "sepia": ((0.10, 0.05, 0.02), (1.0, 0.91, 0.74), 0.05, 1.1),
}


@dataclass(frozen=True, slots=True)
class Grade:
    """New luma by old luma, the tint by luma, and how much of the old colour stays."""

    name: str
    luma: Bytes
    tint: tuple[Floats, Floats]  # chroma around 128
    kept: float

    def apply(self, canvas: Canvas) -> None:
        """Regrade the frame on `canvas`."""
        luma, *chroma = canvas.planes
        shade = luma[::2, ::2]
        for plane, tint in zip(chroma, self.tint, strict=True):
            own = (np.arange(256, dtype=np.float32) - 128) * np.float32(self.kept)
            plane[:] = np.clip(np.take(own, plane) + np.take(tint, shade), 16, 240)
        luma[:] = np.take(self.luma, luma)


def grade_for(prompt: str, rng: np.random.Generator) -> Grade:
    """Return the grade the prompt names, or else a random one."""
    drawn = str(rng.choice(sorted(_GRADES)))
    by_word = {word: name for name, words in _WORDS.items() for word in words.split()}
    name = next((by_word[word] for word in words_of(prompt) if word in by_word), drawn)
    shadow, light, kept, contrast = _GRADES[name]
    level = np.clip((np.arange(256, dtype=np.float32) - 16) / 219, 0, 1)
    curved = np.clip(0.5 + (level - 0.5) * contrast - 0.06 * np.sin(2 * np.pi * level), 0, 1)[:, None]
    toned = yuv(np.asarray(shadow) * (1 - curved) + np.asarray(light) * curved)
    strength = np.float32(1 - 0.35 * kept)
    u, v = ((toned[:, axis] - 128) * strength + 128.5 for axis in (1, 2))
    return Grade(name, toned[:, 0].round().astype(np.uint8), (u, v), kept)
