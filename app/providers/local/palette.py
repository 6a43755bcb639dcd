"""The colours of a clip: a mood picked by the prompt's colour words, or else by the seed."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from app.providers.local.canvas import Rgb


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours that go together; `sky` runs from the zenith to the horizon."""

    sky: tuple[Rgb, Rgb, Rgb, Rgb]
    sun: Rgb
    haze: Rgb  # what distance fades into
    dark: Rgb  # the nearest shapes
    accent: Rgb


def _hex(text: str) -> Rgb:
    red, green, blue = bytes.fromhex(text)
    return red / 255, green / 255, blue / 255


def _mood(sky: str, sun: str, haze: str, dark: str, accent: str) -> Palette:
    zenith, upper, lower, horizon = (_hex(colour) for colour in sky.split())
    return Palette((zenith, upper, lower, horizon), _hex(sun), _hex(haze), _hex(dark), _hex(accent))


_MOODS = {
    "amber": _mood("27325e 7a5080 e88a5d ffd08a", "fff1c9", "f0a878", "1a1626", "ffb347"),
    "rose": _mood("3c3a72 9a5f9c f08fa0 ffd3c0", "fff0e2", "eaa2b4", "211a33", "ff8fa8"),
    "ember": _mood("1f1430 6d2142 d8453b ff9d4d", "ffe2a6", "d9654d", "160c18", "ff6b3d"),
    "blue": _mood("0d2350 2b5a96 72aede d8ecf6", "fffdf2", "9cc6e4", "0b1a33", "63b3ff"),
    "teal": _mood("08303f 1a6a74 62b7a8 e2f2cf", "fffbe0", "8ccabb", "06202a", "5fe0c0"),
    "violet": _mood("1b1147 4d2f8f a56bcf f4b9df", "fff0fb", "b58bd8", "140d30", "c58bff"),
}
_WORDS = {
    "amber": "amber gold golden orange yellow honey autumn sunset warm desert sand",
    "rose": "rose pink coral peach salmon sunrise dawn blossom cherry",
    "ember": "ember red scarlet crimson fire fiery volcano lava mars ruby",
    "blue": "blue azure cobalt sapphire ice icy cold winter morning snow",
    "teal": "teal green emerald turquoise cyan jade mint jungle spring moss",
    "violet": "violet purple magenta lavender lilac neon indigo cyberpunk synthwave",
}
_MOOD_OF = {word: mood for mood, words in _WORDS.items() for word in words.split()}
_DRIFT = 0.02  # of the colour circle; two seeds in one mood still differ


def words_of(prompt: str) -> list[str]:
    """Return the prompt's words in lower case."""
    return re.findall(r"[a-z]+", prompt[:2000].lower())


def palette_for(prompt: str, rng: np.random.Generator) -> Palette:
    """Return the mood of the first colour word, or a random one, its hues a little turned."""
    named = [_MOOD_OF[word] for word in words_of(prompt) if word in _MOOD_OF]
    drawn = str(rng.choice(sorted(_MOODS)))
    mood = _MOODS[named[0] if named else drawn]
    turn = float(rng.uniform(-_DRIFT, _DRIFT))
    zenith, upper, lower, horizon = (_turned(colour, turn) for colour in mood.sky)
    return Palette(
        (zenith, upper, lower, horizon),
        _turned(mood.sun, turn),
        _turned(mood.haze, turn),
        _turned(mood.dark, turn),
        _turned(mood.accent, turn),
    )


def mixed(one: Rgb, other: Rgb, share: float) -> Rgb:
    """Return `one` with `share` (0..1) of `other`."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _turned(colour: Rgb, turn: float) -> Rgb:
    hue, light, saturation = colorsys.rgb_to_hls(*colour)
    return colorsys.hls_to_rgb((hue + turn) % 1, light, saturation)
