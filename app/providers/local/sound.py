"""Soft music made of a seed: slow chords and a few bells. Arrays are (2, samples), -1..1, at 48 kHz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.providers.local.video import SAMPLE_RATE

if TYPE_CHECKING:
    from app.providers.local.canvas import Floats

_CHORD_SECONDS = 3.0
_FADE_SECONDS = 0.8
_LOUDNESS = 0.2  # peak; background, not foreground
# Semitones over the key: progressions that never resolve too hard, so any length can end anywhere.
_PROGRESSIONS = (
    ((0, 7, 16, 23), (-3, 4, 12, 19), (-7, 5, 9, 16), (-5, 2, 11, 14)),
    ((0, 7, 15, 22), (-4, 8, 12, 15), (-9, 3, 10, 19), (-2, 5, 10, 14)),
    ((0, 7, 14, 16), (5, 9, 12, 19), (-3, 7, 12, 16), (-5, 2, 7, 14)),
)
_BELL_STEPS = (12, 14, 16, 19, 21, 24)


def music(seconds: float, rng: np.random.Generator) -> Floats:
    """Return `seconds` of music that fades in and out."""
    samples = round(seconds * SAMPLE_RATE)
    key = 110.0 * 2 ** (int(rng.integers(0, 8)) / 12)  # hertz
    chords = _PROGRESSIONS[int(rng.integers(len(_PROGRESSIONS)))]
    out = np.zeros((2, samples), np.float32)
    for index in range(int(seconds / _CHORD_SECONDS) + 1):
        _add_chord(out, index, [key * 2 ** (step / 12) for step in chords[index % len(chords)]], rng)
    at = float(rng.uniform(0.3, 0.9))
    while at < seconds - 1:
        _add_bell(out, at, key * 2 ** (int(rng.choice(_BELL_STEPS)) / 12) * 2, float(rng.uniform(0.2, 0.8)))
        at += float(rng.choice([0.75, 1.0, 1.5, 2.0]))
    out *= _LOUDNESS / max(float(np.abs(out).max()), 1e-6)
    return faded(out)


def faded(sound: Floats) -> Floats:
    """Return `sound` with its ends faded."""
    length = min(round(_FADE_SECONDS * SAMPLE_RATE), sound.shape[1] // 2)
    curve = np.sin(np.linspace(0, np.pi / 2, length, dtype=np.float32)) ** 2
    shaped = sound.copy()
    shaped[:, :length] *= curve
    shaped[:, sound.shape[1] - length :] *= curve[::-1]
    return shaped


def joined(first: Floats, then: Floats, overlap: float) -> Floats:
    """Return `first` going over into `then`, whose first `overlap` seconds lie under the end of `first`."""
    length = min(round(overlap * SAMPLE_RATE), first.shape[1], then.shape[1])
    rise = np.linspace(0, 1, length, dtype=np.float32)
    start = first.shape[1] - length
    blend = first[:, start:] * (1 - rise) + then[:, :length] * rise
    return np.concatenate([first[:, :start], blend, then[:, length:]], axis=1)


def _add_chord(out: Floats, index: int, pitches: list[float], rng: np.random.Generator) -> None:
    """Add one swelling chord; it reaches into its neighbours, so that they melt together."""
    start = round((index - 0.5) * _CHORD_SECONDS * SAMPLE_RATE)
    length = round(2 * _CHORD_SECONDS * SAMPLE_RATE)
    first, last = max(0, start), min(out.shape[1], start + length)
    if first >= last:
        return
    time = np.arange(first - start, last - start, dtype=np.float32) / SAMPLE_RATE
    swell = np.sin(np.pi * time / (2 * _CHORD_SECONDS)) ** 2
    for pitch in pitches:
        phase = float(rng.uniform(0, 2 * np.pi))
        warmth = 0.6 * (110.0 / pitch) ** 0.5
        for side, detune in enumerate((0.9985, 1.0015)):
            angle = np.float32(2 * np.pi * pitch * detune) * time + np.float32(phase)
            tone = np.sin(angle) + 0.28 * np.sin(2 * angle) + 0.1 * np.sin(3 * angle)
            out[side, first:last] += swell * warmth * tone


def _add_bell(out: Floats, at: float, pitch: float, side: float) -> None:
    """Add one quiet struck note, placed between left (0) and right (1)."""
    first = round(at * SAMPLE_RATE)
    last = min(out.shape[1], first + 2 * SAMPLE_RATE)
    time = np.arange(last - first, dtype=np.float32) / SAMPLE_RATE
    angle = np.float32(2 * np.pi * pitch) * time
    note = np.exp(-2.6 * time) * (1 - np.exp(-180 * time)) * (np.sin(angle) + 0.3 * np.sin(2.76 * angle))
    out[0, first:last] += 0.35 * (1 - side) * note
    out[1, first:last] += 0.35 * side * note
