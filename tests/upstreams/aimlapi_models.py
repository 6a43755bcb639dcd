"""AI/ML API's video models as data: the fields each accepts, and what it costs.

Fields: reference/aimlapi.md section 2 (grok) and section 7 (the others), from the vendor's per-model OpenAPI JSON.
Prices: Grok's is published nowhere (section 8), so all prices here are made up, per second of video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Field:
    """One field of a request. `least` and `most` bound a number, or the length of a list."""

    kind: Literal["string", "integer", "uri", "uris", "boolean"]
    values: tuple[str | int, ...] = ()
    least: int | None = None
    most: int | None = None
    default: str | int | None = None


@dataclass(frozen=True)
class Model:
    """A video model. `apart` are fields that exclude each other; `usd` is the price of a second per resolution."""

    id: str
    developer: str
    fields: dict[str, Field]
    usd: dict[str, float]
    required: tuple[str, ...] = ("prompt",)
    apart: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ("text_to_video",)


_PROMPT = Field("string")
_URI = Field("uri")
_GROK = {
    "prompt": _PROMPT,
    "image_url": _URI,
    "duration": Field("integer", least=1, most=15, default=10),
    "aspect_ratio": Field("string", ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"), default="16:9"),
    "resolution": Field("string", ("480p", "720p", "1080p")),
}
_GROK_USD = {"480p": 0.052, "720p": 0.0728, "1080p": 0.26}
_VEO = {
    "prompt": _PROMPT,
    "duration": Field("integer", (4, 6, 8), default=8),
    "aspect_ratio": Field("string", ("16:9", "9:16"), default="16:9"),
    "resolution": Field("string", ("720p", "1080p"), default="1080p"),
}
_SORA = {
    "prompt": _PROMPT,
    "duration": Field("integer", (4, 8, 12), default=4),
    "aspect_ratio": Field("string", ("16:9", "9:16"), default="16:9"),
    "resolution": Field("string", ("720p",), default="720p"),
}

MODELS = (
    Model(
        "x-ai/grok-imagine-video",
        "xAI",
        {**_GROK, "reference_images": Field("uris", least=1, most=7)},
        _GROK_USD,
        required=(),
        apart=("image_url", "reference_images"),
        capabilities=("text_to_video", "image_to_video", "reference_to_video"),
    ),
    Model(
        "x-ai/grok-imagine-video-1.5-preview",
        "xAI",
        _GROK,
        _GROK_USD,
        required=("image_url",),
        capabilities=("image_to_video",),
    ),
    Model("google/veo-3.1-t2v", "Google", _VEO, {"720p": 0.42, "1080p": 0.42}),
    Model(
        "google/veo-3.1-i2v",
        "Google",
        {**_VEO, "image_url": _URI},
        {"720p": 0.42, "1080p": 0.42},
        required=("prompt", "image_url"),
        capabilities=("image_to_video",),
    ),
    Model("openai/sora-2-t2v", "OpenAI", _SORA, {"720p": 0.105}),
    Model(
        "openai/sora-2-i2v",
        "OpenAI",
        {**_SORA, "image_url": _URI},
        {"720p": 0.105},
        required=("prompt", "image_url"),
        capabilities=("image_to_video",),
    ),
    Model(
        "minimax/hailuo-2.3",
        "MiniMax",
        {
            "prompt": _PROMPT,
            "image_url": _URI,
            "duration": Field("integer", (6, 10), default=6),
            "resolution": Field("string", ("768P", "1080P"), default="768P"),
        },
        {"768P": 0.05, "1080P": 0.09},
        capabilities=("text_to_video", "image_to_video"),
    ),
)


def find(name: str) -> Model | None:
    """Find a model by its id or an alias; both work (the catalogue's documentation)."""
    return next((model for model in MODELS if name == model.id or name in model.aliases), None)
