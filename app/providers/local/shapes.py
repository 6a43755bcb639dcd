"""Shapes the scenes are made of: skies, glows, clouds, ridges. All pure; sizes in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.providers.local.canvas import Floats, Rgb


def gradient(colours: Sequence[Rgb], height: int, curve: float = 1.0) -> Floats:
    """Return a column (height, 1, 3) that runs through `colours`; a `curve` above 1 lingers at the first ones."""
    stops = np.linspace(0, 1, len(colours))
    place = np.linspace(0, 1, height) ** curve
    table = np.asarray(colours, np.float32)
    columns = [np.interp(place, stops, table[:, channel]) for channel in range(3)]
    return np.stack(columns, axis=-1)[:, None, :].astype(np.float32)


def glow(size: int, hardness: float) -> Floats:
    """Return a round light (size, size) of 1 at its middle that falls to 0 at its edge."""
    reach = np.linspace(-1, 1, size, dtype=np.float32)
    distance = np.sqrt(reach[:, None] ** 2 + reach[None, :] ** 2)
    light: Floats = np.clip(1 - distance, 0, 1) ** hardness
    return light


def disc(size: int) -> Floats:
    """Return a filled circle (size, size) with a soft edge of one pixel."""
    reach = np.arange(size, dtype=np.float32) - (size - 1) / 2
    distance = np.sqrt(reach[:, None] ** 2 + reach[None, :] ** 2)
    filled: Floats = np.clip(size / 2 - 1 - distance, 0, 1)
    return filled


def line_noise(width: int, period: float, octaves: int, rng: np.random.Generator) -> Floats:
    """Return smooth noise (width) of about -1..1 whose widest waves are `period` pixels long."""
    place = np.arange(width, dtype=np.float32)
    total = np.zeros(width, np.float32)
    for octave in range(octaves):
        step = max(period / 2**octave, 2)
        knots = rng.uniform(-1, 1, int(width / step) + 3)
        whole = np.floor(place / step).astype(int)
        part = place / step - whole
        eased = part * part * (3 - 2 * part)
        total += ((knots[whole] * (1 - eased) + knots[whole + 1] * eased) * 0.5**octave).astype(np.float32)
    return total / (2 - 0.5 ** (octaves - 1))


def noise(width: int, height: int, cells: tuple[int, int], octaves: int, rng: np.random.Generator) -> Floats:
    """Return smooth noise (height, width) of 0..1; `cells` is how many of its widest waves fit across and down."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        across, down = (min(count * 2**octave + 1, limit) for count, limit in zip(cells, (width, height), strict=True))
        knots = Image.fromarray(rng.random((down, across), dtype=np.float32))
        total += np.asarray(knots.resize((width, height), Image.Resampling.BICUBIC)) * 0.5**octave
    low, high = float(total.min()), float(total.max())
    spread: Floats = (total - low) / (high - low)
    return spread


def clouds(width: int, height: int, rng: np.random.Generator) -> Floats:
    """Return long soft bands of cloud (height, width), 0..1, gone at the upper and lower edge."""
    small = noise(max(width // 4, 2), max(height // 4, 2), (max(width // height, 1) * 2, 7), 4, rng)
    shape = np.clip((small - 0.52) * 3, 0, 1)
    shape *= np.sin(np.linspace(0, np.pi, shape.shape[0], dtype=np.float32))[:, None]
    return np.asarray(Image.fromarray(shape).resize((width, height), Image.Resampling.BILINEAR))


def below(profile: Floats, height: int) -> Floats:
    """Return the mask (height, width) of everything under `profile`, the row of the edge in every column."""
    rows = np.arange(height, dtype=np.float32)[:, None]
    mask: Floats = np.clip(rows - profile[None, :] + 0.5, 0, 1)
    return mask


def smooth(value: float) -> float:
    """Ease 0..1 in and out."""
    held = min(max(value, 0.0), 1.0)
    return held * held * (3 - 2 * held)


def even(value: float) -> int:
    """Return the even number at or above `value`, at least 2."""
    return max(2, 2 * int(np.ceil(value / 2)))
