"""The endpoints of the fake fal.ai: their inputs and prices, as data.

Inputs and prices of the ten Grok endpoints: fal.md §5 (from fal's llms.txt pages and published client types). A field
is `(type, default)` as pydantic takes it; `...` is a required one. To add a model, add rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import Field

FieldSpec: TypeAlias = tuple[Any, Any]


@dataclass(frozen=True)
class Price:
    """Micro-dollars; `unit` is the published unit_price by which billable units are counted."""

    per_second: dict[str, int]  # by resolution
    unit: int
    per_image: int = 0
    per_input_second: int = 0


@dataclass(frozen=True)
class Endpoint:
    """One endpoint."""

    fields: dict[str, FieldSpec]
    price: Price
    makes: Literal["new", "edit", "extend"] = "new"
    # Which inputs are files, by field; their values are a URL or a list of URLs.
    files: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(name for name in self.fields if name.endswith(("_url", "_urls"))))


def choice(*values: str | int, default: Any) -> FieldSpec:
    """Make an enum."""
    return cast("Any", Literal)[values], default


def whole(low: int, high: int, default: int) -> FieldSpec:
    """Make an integer within a range."""
    return Annotated[int, Field(ge=low, le=high)], default


def text(longest: int | None = None) -> FieldSpec:
    """Make a required string."""
    return Annotated[str, Field(max_length=longest)], ...


def urls(most: int, *, required: bool = True) -> FieldSpec:
    """Make a list of URLs."""
    return Annotated[list[str], Field(min_length=1, max_length=most)], ... if required else []


URL: FieldSpec = (str, ...)
_WIDE = ("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16")
_RATIO = choice(*_WIDE, default="16:9")
_HD = choice("480p", "720p", default="720p")
_SD = choice("480p", "720p", default="480p")
_FULL = choice("480p", "720p", "1080p", default="720p")

_V1 = {"480p": 50_000, "720p": 70_000}
_V15 = {"480p": 80_000, "720p": 140_000, "1080p": 250_000}
_LITE = {"480p": 20_000, "720p": 30_000, "1080p": 140_000}
# The unit of v1 is $0.05 (recorded); those of v1.5 and lite are not known: their 480p second stands in.
_V15_PRICE = Price(_V15, unit=80_000)
_V15_IMAGES = Price(_V15, unit=80_000, per_image=10_000)
_LITE_PRICE = Price(_LITE, unit=20_000)
_LITE_IMAGES = Price(_LITE, unit=20_000, per_image=10_000)
_V1_INPUT_VIDEO = Price(_V1, unit=50_000, per_input_second=10_000)

_GROK = "xai/grok-imagine-video"

ENDPOINTS: dict[str, Endpoint] = {
    f"{_GROK}/text-to-video": Endpoint(
        {"prompt": text(), "duration": whole(1, 15, 6), "aspect_ratio": _RATIO, "resolution": _HD},
        Price(_V1, unit=50_000),
    ),
    f"{_GROK}/image-to-video": Endpoint(
        {
            "prompt": text(4096),
            "image_url": URL,
            "duration": whole(1, 15, 6),
            "aspect_ratio": choice("auto", *_WIDE, default="auto"),
            "resolution": _HD,
        },
        Price(_V1, unit=50_000, per_image=2_000),
    ),
    f"{_GROK}/reference-to-video": Endpoint(
        {
            "prompt": text(),
            "reference_image_urls": urls(7),
            "duration": whole(1, 10, 8),
            "aspect_ratio": _RATIO,
            "resolution": _SD,
        },
        Price(_V1, unit=50_000),
    ),
    f"{_GROK}/edit-video": Endpoint(
        {"prompt": text(), "video_url": URL, "resolution": choice("auto", "480p", "720p", default="auto")},
        _V1_INPUT_VIDEO,
        makes="edit",
    ),
    f"{_GROK}/extend-video": Endpoint(
        {"prompt": text(), "video_url": URL, "duration": whole(2, 10, 6)}, _V1_INPUT_VIDEO, makes="extend"
    ),
    f"{_GROK}/v1.5/text-to-video": Endpoint(
        {"prompt": text(), "duration": whole(1, 15, 6), "aspect_ratio": _RATIO, "resolution": _FULL}, _V15_PRICE
    ),
    f"{_GROK}/v1.5/image-to-video": Endpoint(
        {"prompt": text(), "image_url": URL, "duration": whole(1, 15, 6), "resolution": _FULL}, _V15_IMAGES
    ),
    f"{_GROK}/v1.5/reference-to-video": Endpoint(
        {
            "prompt": text(),
            "reference_image_urls": urls(7),
            "reference_audio_urls": urls(1, required=False),
            "duration": whole(1, 10, 8),
            "aspect_ratio": _RATIO,
            "resolution": _SD,
        },
        _V15_IMAGES,
    ),
    f"{_GROK}/v1.5/lite/text-to-video": Endpoint(
        {"prompt": text(), "duration": whole(1, 15, 6), "resolution": _FULL, "aspect_ratio": _RATIO}, _LITE_PRICE
    ),
    f"{_GROK}/v1.5/lite/image-to-video": Endpoint(
        {"prompt": text(), "image_url": URL, "duration": whole(1, 15, 6), "resolution": _FULL}, _LITE_IMAGES
    ),
}


def app_of(endpoint: str) -> str:
    """Return the `{owner}/{app}` by which status, result and cancel are addressed (fal.md §1.2)."""
    parts = endpoint.split("/")
    return "/".join(parts[: 3 if parts[0] in {"workflows", "comfy"} else 2])
