"""What a mode of a model takes, at a provider or in general: the types of the catalogue's data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    field_validator,
    model_validator,
)

from app.domain.errors import GatewayError
from app.domain.formats import AUTO, half_down, parse_ratio, parse_tier

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

LOCAL = "local"  # the provider that serves every model for nothing
KEY_SETTINGS = {"fal": "FAL_KEY", "aimlapi": "AIMLAPI_KEY", "xai": "XAI_API_KEY"}  # what turns the others on
LONGEST = 3600  # seconds of any video

_Dollars: TypeAlias = Annotated[FiniteFloat, Field(ge=0, le=10_000)]  # so that every sum stays a number the API can say
_Seconds: TypeAlias = Annotated[FiniteFloat, Field(ge=0, le=LONGEST)]


def _understood(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        try:
            parse(text)
        except GatewayError as error:
            raise ValueError(error.message) from None
        return text

    return AfterValidator(check)


Ratio: TypeAlias = Annotated[str, _understood(parse_ratio)]
Tier: TypeAlias = Annotated[str, _understood(parse_tier)]


class Mode(StrEnum):
    """What is asked for; each mode is its own endpoint upstream."""

    TEXT = "text-to-video"
    IMAGE = "image-to-video"
    REFERENCE = "reference-to-video"
    EDIT = "edit"
    EXTEND = "extend"


class Data(BaseModel):
    """Data of the catalogue: fixed once read, and without a key that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class SecondsRange(Data):
    """Whole seconds from `min` to `max`, both included; where there are `values`, only those, in rising order.

    With `values`, `min` and `max` may be left out.
    """

    min: PositiveInt
    max: Annotated[int, Field(le=LONGEST)]
    default: int
    values: tuple[PositiveInt, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _ends(cls, data: object) -> object:
        values = data.get("values") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(values, list | tuple) or not values:
            return data
        return {"min": values[0], "max": values[-1], **data}

    @model_validator(mode="after")
    def _in_order(self) -> SecondsRange:
        if not self.min <= self.default <= self.max:
            raise ValueError(f"min {self.min}, default {self.default}, max {self.max} are not in order")
        if not self.values:
            return self
        if list(self.values) != sorted(set(self.values)) or (self.values[0], self.values[-1]) != (self.min, self.max):
            raise ValueError("values must rise, from min to max")
        if self.default not in self.values:
            raise ValueError(f"default {self.default} is not among values")
        return self

    def nearest(self, wanted: Fraction) -> int:
        """Return the offered length nearest to `wanted`; a tie goes to the cheaper, shorter one."""
        if self.values:
            return min(self.values, key=lambda value: (abs(value - wanted), value))
        return max(self.min, min(self.max, half_down(wanted)))

    @property
    def words(self) -> str:
        """What is offered, for people: "4, 6, 8 seconds"."""
        if self.values:
            return f"{', '.join(map(str, self.values))} seconds"
        return f"whole seconds from {self.min} to {self.max}"


class ImageLimits(Data):
    """How many input images a mode takes."""

    max: NonNegativeInt


class VideoLimits(Data):
    """What an input video may be, in seconds; `max_total_seconds` counts source and tail together."""

    min_seconds: _Seconds = 0
    max_seconds: Annotated[_Seconds, Field(gt=0)]
    max_total_seconds: Annotated[_Seconds, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _some_video_fits(self) -> VideoLimits:
        if self.min_seconds > min(self.max_seconds, self.max_total_seconds or self.max_seconds):
            raise ValueError("no video is within these limits")
        return self


class FreeSize(Data):
    """Frame sizes of a model that takes any: limits in pixels, sides rounded to `multiple`."""

    min_side: PositiveInt
    max_side: PositiveInt
    max_pixels: PositiveInt
    multiple: PositiveInt

    @property
    def steps(self) -> tuple[int, int, int]:
        """The shortest side, the longest side and the largest area, counted in steps of `multiple`."""
        return -(-self.min_side // self.multiple), self.max_side // self.multiple, self.max_pixels // self.multiple**2

    @model_validator(mode="after")
    def _some_frame_fits(self) -> FreeSize:
        least, most, area = self.steps
        if least > most or least * least > area:
            raise ValueError("no frame is within these limits")
        return self


class Price(Data):
    """US dollars per second of output by resolution, per output video, per input image and per second of input video.

    `unit` is the provider's price of one of its own billable units, where it bills by them (fal).
    """

    second: dict[str, _Dollars] = Field(default_factory=dict)
    video: _Dollars = 0
    image: _Dollars = 0
    input_second: _Dollars = 0
    unit: _Dollars | None = None

    def per_second(self, resolution: str) -> float:
        """Return the price at a resolution; one without a price ("auto" too) counts as the dearest."""
        return self.second.get(resolution, max(self.second.values(), default=0.0))


_Field: TypeAlias = Annotated[str, Field(min_length=1)]
_OptionalField: TypeAlias = Annotated[str | None, BeforeValidator(lambda value: value or None)]


# What string.Formatter finds in a tag: the name of a field, its format and its conversion.
_NO_FIELD, _FROM_1, _FROM_0 = (None, None, None), ("n", "", None), ("i", "", None)


@cache
def _fields(tag: str | None) -> frozenset[tuple[str | None, ...]]:
    """Return the fields of a tag, of which the catalogue has a few and every offer that is read has one."""
    return frozenset({_FROM_1} if tag is None else {tuple(part[1:]) for part in Formatter().parse(tag)} - {_NO_FIELD})


class Wire(Data):
    """How an offering spells the fields of a mode, and in what form it takes their values.

    A field that is None (in TOML: "") is never sent. `seconds_as`: 8, "8" or "8s". `resolution_values` renames tiers
    ("768p" to "768P"). `sends_auto`: "auto" is a value there, rather than a field left out. `bare_ratio` is the shape
    that a video from an image gets where no ratio is sent, if that is not the image's own. `tag` is the reference tag
    for image `{n}` (counted from 1) or `{i}` (from 0); without one the prompt is left alone. `fixed` is sent with every
    request.
    """

    prompt: _Field = "prompt"
    seconds: _OptionalField = "duration"
    seconds_as: Literal["number", "text", "suffixed"] = "number"
    ratio: _OptionalField = "aspect_ratio"
    resolution: _OptionalField = "resolution"
    resolution_values: dict[str, str] = Field(default_factory=dict)
    sends_auto: bool = False
    bare_ratio: Ratio | None = None
    image: _Field = "image_url"
    images: _Field = "reference_image_urls"
    video: _Field = "video_url"
    tag: str | None = "@Image{n}"
    fixed: dict[_Field, str | int | FiniteFloat | bool] = Field(default_factory=dict)

    @field_validator("tag")
    @classmethod
    def _names_an_image(cls, tag: str | None) -> str | None:
        if _fields(tag) not in ({_FROM_1}, {_FROM_0}):
            raise ValueError("a tag has {n}, which counts images from 1, or {i}, which counts them from 0")
        return tag


class ModeSpec(Data):
    """What may be chosen in one mode, and the defaults. An empty tuple means: cannot be chosen here.

    `verbatim` marks a model that the catalogue does not know: what was asked is sent as it is.
    """

    ratios: tuple[str, ...] = ()
    default_ratio: str = "auto"
    resolutions: tuple[str, ...] = ()
    default_resolution: str = "auto"
    seconds: SecondsRange | None = None
    images: ImageLimits = ImageLimits(max=0)
    video: VideoLimits | None = None
    free_size: FreeSize | None = None
    price: Price | None = None
    endpoint: str = ""
    wire: Wire = Wire()
    verbatim: bool = False

    @model_validator(mode="after")
    def _is_consistent(self) -> ModeSpec:
        if AUTO in (*self.ratios, *self.resolutions):
            raise ValueError("auto is a default, not one of the ratios or resolutions")
        try:
            ratios = {parse_ratio(ratio, "ratio") for ratio in self.ratios}
            tiers = {parse_tier(tier) for tier in self.resolutions}
            parse_ratio("1:1" if self.default_ratio == AUTO else self.default_ratio, "default_ratio")
            parse_tier("1K" if self.default_resolution == AUTO else self.default_resolution)
        except GatewayError as error:
            raise ValueError(error.message) from None
        if len(ratios) < len(self.ratios) or len(tiers) < len(self.resolutions):
            raise ValueError("two of the ratios or resolutions mean the same")
        if self.free_size:
            if self.ratios or self.resolutions or self.default_resolution == AUTO:
                raise ValueError("free_size needs a default_resolution, and neither ratios nor resolutions")
            return self
        if self.default_ratio not in (*self.ratios, AUTO):
            raise ValueError(f"default_ratio {self.default_ratio!r} is not among ratios")
        if self.resolutions and self.default_resolution not in (*self.resolutions, AUTO):
            raise ValueError(f"default_resolution {self.default_resolution!r} is not among resolutions")
        return self


class Offering(Data):
    """A model at one provider."""

    provider: str
    model: str
    modes: dict[Mode, ModeSpec]


def _midnight(value: object) -> object:
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return value


class Model(Data):
    """A public model id and what it can do; `created` is unix seconds, `prompt_limit` characters."""

    id: str
    name: str
    owner: str
    created: Annotated[int, BeforeValidator(_midnight)]
    description: str
    prompt_limit: PositiveInt
    modes: dict[Mode, ModeSpec]
    offerings: dict[str, Offering] = Field(default_factory=dict)
