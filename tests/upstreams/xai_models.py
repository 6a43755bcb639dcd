"""xAI's video models as data: what each can do and what it costs.

Abilities: reference/xai.md section 2. Prices in dollars per second, image and source second: section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")


@dataclass(frozen=True)
class Model:
    """A video model. `usd` is the price of a second at each resolution it knows."""

    id: str
    usd: dict[str, float]
    image_usd: float
    aliases: tuple[str, ...] = ()
    references: int = 0
    reference_seconds: int = 15
    voices: int = 0
    pins: bool = False  # last_frame and keyframes; an image beside reference_images
    edits: bool = False  # edits and extensions
    source_usd: float = 0.0


MODELS = (
    Model(
        "grok-imagine-video",
        {"480p": 0.05, "720p": 0.07},
        0.002,
        aliases=("grok-imagine-video-beta",),
        references=7,
        reference_seconds=10,
        edits=True,
        source_usd=0.01,
    ),
    Model(
        "grok-imagine-video-1.5",
        {"480p": 0.08, "720p": 0.14, "1080p": 0.25},
        0.01,
        aliases=("grok-imagine-video-1.5-preview", "grok-imagine-video-1.5-2026-05-30"),
        references=14,
        voices=3,
        pins=True,
    ),
    Model("grok-imagine-video-1.5-lite", {"480p": 0.02, "720p": 0.03, "1080p": 0.14}, 0.01),
)


def find(name: str) -> Model | None:
    """Find a model by its id or an alias."""
    return next((model for model in MODELS if name == model.id or name in model.aliases), None)
