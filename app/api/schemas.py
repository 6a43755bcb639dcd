"""The wire shapes of the public API, for the OpenAPI document and for checking our own answers."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorBody(_Wire):
    """What went wrong: for people, for programs, and which field it was."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorEnvelope(_Wire):
    """Every error of every route."""

    error: ErrorBody


class VideoError(_Wire):
    """Why a video or an output failed."""

    code: str
    message: str


class OutputFile(_Wire):
    """A finished file. Sizes in bytes and pixels, duration in seconds."""

    url: str
    content_type: str
    size_bytes: int
    width: int
    height: int
    duration: float
    fps: float
    num_frames: int


class VideoOutput(_Wire):
    """One of the n results; the facts of the file are null until it is finished."""

    index: int
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int
    url: str | None
    content_type: str | None
    size_bytes: int | None
    width: int | None
    height: int | None
    duration: float | None
    fps: float | None
    num_frames: int | None
    error: VideoError | None


class VideoWarning(_Wire):
    """Something that was not done exactly as asked, or cannot be priced; of a dry run, that a budget refuses it."""

    param: str
    code: Literal["converted", "ignored", "emulated", "unpriced", "unknown", "budget_exceeded"]
    requested: str
    used: str | None
    message: str


class Attempt(_Wire):
    """How one attempt of one output ended, in the order they were made; `cost` in dollars."""

    index: int
    provider: str
    outcome: Literal["completed", "failed", "refused", "unavailable", "unknown", "cancelled", "charged"]
    code: str | None
    message: str | None
    cost: float | None


class VideoObject(_Wire):
    """A video: OpenAI's 13 fields, then the gateway's own."""

    id: str
    object: Literal["video"]
    model: str
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int = Field(ge=0, le=100)
    created_at: int
    completed_at: int | None
    expires_at: int | None
    prompt: str | None
    size: str
    seconds: str
    remixed_from_video_id: str | None
    error: VideoError | None
    url: str | None
    output: OutputFile | None
    outputs: list[VideoOutput]
    n: int
    metadata: dict[str, str | float | int | list[Attempt] | None]
    warnings: list[VideoWarning]


class OthersVideo(VideoObject):
    """A video as an admin sees it who looks at other keys' videos: `key_id` says whose it is."""

    key_id: str


VideoToRead: TypeAlias = VideoObject | OthersVideo


class VideoList(_Wire):
    """A page of videos."""

    object: Literal["list"]
    data: list[VideoToRead]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoDeleted(_Wire):
    """The answer to a delete."""

    id: str
    object: Literal["video.deleted"]
    deleted: Literal[True]


class CostComponent(_Wire):
    """One line of an estimate; `unit_price` in dollars, `total_cost` in micro-dollars."""

    type: str
    metric: str
    quantity: float
    billable_quantity: float
    unit_price: float
    total_cost: int


class Estimate(_Wire):
    """The answer to a dry run; costs are null where the catalogue has no price."""

    estimated: Literal[True]
    model: str
    provider: str
    total_cost_micros: int | None
    currency: Literal["USD"]
    components: list[CostComponent]
    size: str
    seconds: str
    n: int
    warnings: list[VideoWarning]


VideoOrEstimate: TypeAlias = VideoObject | Estimate  # the answer to a create, dry run or not


class Character(_Wire):
    """A named subject."""

    id: str
    object: Literal["character"]
    name: str
    created_at: int


class CharacterDeleted(_Wire):
    """The answer to a delete."""

    id: str
    object: Literal["character.deleted"]
    deleted: Literal[True]


class FileObject(_Wire):
    """An uploaded file."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["processed"]


class FileDeleted(_Wire):
    """The answer to a delete."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]


class SecondsOffered(_Wire):
    """Whole seconds a mode takes; where `values` are listed, only those."""

    min: int
    max: int
    default: int
    values: list[int]


class ModeOffered(_Wire):
    """What one mode of a model takes; empty lists mean that it cannot be chosen."""

    mode: str
    providers: list[str]
    aspect_ratios: list[str]
    default_aspect_ratio: str
    resolutions: list[str]
    default_resolution: str
    sizes: list[str]
    seconds: SecondsOffered | None
    max_images: int


class PriceOffered(_Wire):
    """US dollars at one provider in one mode."""

    provider: str
    mode: str
    per_second: dict[str, float]
    per_input_image: float
    per_input_second: float


class Parameter(_Wire):
    """One request parameter of a model, and what the gateway does with it."""

    name: str
    type: str
    required: bool
    default: str | int | None
    values: list[str]
    modes: list[str]
    handling: Literal["passthrough", "renamed", "converted", "emulated", "not available"]
    description: str


class ModelObject(_Wire):
    """A model, as OpenAI lists it, and what it can do."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    name: str
    description: str
    aliases: list[str]
    capabilities: list[str]
    modes: list[ModeOffered]
    prices: list[PriceOffered]
    providers: list[str]
    prompt_limit: int
    parameters: list[Parameter] | None = None


class ModelList(_Wire):
    """Every model."""

    object: Literal["list"]
    data: list[ModelObject]


class Health(_Wire):
    """Whether the gateway lives, or is ready."""

    status: Literal["ok", "unavailable"]
    service: Literal["reelgate"]
    version: str
