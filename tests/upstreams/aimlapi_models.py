"""AI/ML API's video models as data: the fields each accepts, and what it costs.

Fields: reference/aimlapi.md section 2 (grok) and section 7 (the others); Wan and the optional fields of Kling and
Seedance: the same vendor's per-model OpenAPI JSON, from which the reference was made (github.com/aimlapi/api-docs).
Prices: Grok's is published nowhere (section 8), so all prices here are made up, per second of video.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Field:
    """One field of a request. `least` and `most` bound a number, or the length of a list."""

    kind: Literal["string", "integer", "number", "uri", "uris", "boolean", "objects"]
    values: tuple[str | int, ...] = ()
    least: int | None = None
    most: int | None = None
    default: str | int | None = None


@dataclass(frozen=True)
class Model:
    """A video model. `apart` are fields that exclude each other.

    `usd` is the price of a second per resolution; "720p" is what a model without a resolution makes.
    """

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
_TEXT, _FLAG, _SEED = Field("string"), Field("boolean"), Field("integer")
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
_SORA_PRO = {**_SORA, "resolution": Field("string", ("720p", "1080p"), default="1080p")}
_SORA_PRO_USD = {"720p": 0.315, "1080p": 0.525}
_KLING = {
    "prompt": _PROMPT,
    "duration": Field("integer", tuple(range(3, 16)), default=5),
    "generate_audio": _FLAG,
    "negative_prompt": _TEXT,
    "cfg_scale": Field("number", least=0, most=1),
    "shot_type": Field("string", ("customize", "intelligent")),
}
_KLING_TEXT = {**_KLING, "aspect_ratio": Field("string", ("16:9", "9:16", "1:1"), default="16:9")}
_KLING_IMAGE = {**_KLING, "image_url": _URI, "tail_image_url": _URI, "elements": Field("objects", most=4)}
_WAN = {
    "prompt": _PROMPT,
    "audio_url": _URI,
    "resolution": Field("string", ("720p", "1080p"), default="1080p"),
    "duration": Field("integer", (5, 10, 15), default=10),
    "negative_prompt": _TEXT,
    "enhance_prompt": _FLAG,
    "seed": _SEED,
}
_WAN_TEXT = {
    **_WAN,
    "aspect_ratio": Field("string", ("16:9", "9:16", "1:1", "4:3", "3:4"), default="16:9"),
    "shot_type": Field("string", ("single", "multi")),
    "generate_audio": _FLAG,
}
_WAN_IMAGE = {**_WAN, "image_url": _URI, "enable_prompt_expansion": _FLAG, "watermark": _FLAG}
_WAN_USD = {"720p": 0.105, "1080p": 0.1575}
_SEEDANCE = {
    "prompt": _PROMPT,
    "image_url": _URI,
    "last_image_url": _URI,
    "image_urls": Field("uris", least=1, most=9),
    "video_urls": Field("uris", least=1, most=3),
    "audio_urls": Field("uris", least=1, most=3),
    "aspect_ratio": Field("string", ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16"), default="16:9"),
    "resolution": Field("string", ("480p", "720p", "1080p", "4k"), default="720p"),
    "duration": Field("integer", tuple(range(4, 16)), default=5),
    "generate_audio": _FLAG,
    "seed": _SEED,
    "watermark": _FLAG,
}


def _with_image(name: str, developer: str, fields: dict[str, Field], usd: dict[str, float]) -> Model:
    return Model(name, developer, fields, usd, required=("prompt", "image_url"), capabilities=("image_to_video",))


def _kling(tier: str, usd: dict[str, float]) -> tuple[Model, Model]:
    """Make a tier's two models; their pages require no prompt, because there can be several instead."""
    name = f"klingai/video-v3-{tier}"
    by_text = Model(f"{name}-text-to-video", "Kling AI", _KLING_TEXT, usd, required=())
    by_image = _with_image(f"{name}-image-to-video", "Kling AI", _KLING_IMAGE, usd)
    return by_text, replace(by_image, required=("image_url",))


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
    _with_image("google/veo-3.1-i2v", "Google", {**_VEO, "image_url": _URI}, {"720p": 0.42, "1080p": 0.42}),
    Model(
        "google/veo-3.1-reference-to-video",
        "Google",
        {
            "prompt": _PROMPT,
            "image_urls": Field("uris"),
            "duration": Field("integer", (8,), default=8),
            "resolution": _VEO["resolution"],
            "generate_audio": _FLAG,
        },
        {"720p": 0.42, "1080p": 0.42},
        required=("prompt", "image_urls"),
        capabilities=("reference_to_video",),
    ),
    Model("openai/sora-2-t2v", "OpenAI", _SORA, {"720p": 0.105}),
    _with_image("openai/sora-2-i2v", "OpenAI", {**_SORA, "image_url": _URI}, {"720p": 0.105}),
    Model("openai/sora-2-pro-t2v", "OpenAI", _SORA_PRO, _SORA_PRO_USD),
    _with_image("openai/sora-2-pro-i2v", "OpenAI", {**_SORA_PRO, "image_url": _URI}, _SORA_PRO_USD),
    *_kling("pro", {"720p": 0.18}),
    *_kling("standard", {"720p": 0.135}),
    Model("alibaba/wan-2-7-t2v", "Alibaba Cloud", _WAN_TEXT, _WAN_USD),
    _with_image("alibaba/wan-2-7-i2v", "Alibaba Cloud", _WAN_IMAGE, _WAN_USD),
    Model(
        "bytedance/seedance-2-0",
        "ByteDance",
        _SEEDANCE,
        {"480p": 0.147, "720p": 0.315, "1080p": 0.714, "4k": 1.575},
        capabilities=("text_to_video", "image_to_video", "reference_to_video"),
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
