"""A create request: the fields of the public API, whatever spelling they came in, checked and given types.

`parse` takes the parsed body (JSON, or multipart put into the same shape) and returns a `VideoRequest`. It is pure:
uploads are opaque handles here, and nothing is looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.domain.catalogue import Mode
from app.domain.errors import GatewayError, invalid, missing
from app.domain.formats import given
from app.domain.references import N_LIMIT, DataUri, FileId, NamedRef, Upload, Url, VideoId, media_ref
from app.domain.sizing import Asked
from app.domain.verbatim import literals

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FILE_FIELDS",
    "KNOWN",
    "N_LIMIT",
    "PROMPT_LIMIT",
    "RESERVED_METADATA",
    "SCALAR_FIELDS",
    "DataUri",
    "FileId",
    "NamedRef",
    "Upload",
    "Url",
    "VideoId",
    "VideoRequest",
    "parse",
]

PROMPT_LIMIT = 32_000  # characters; OpenAI's own limit
_ID_LIMIT = 256
_DIGITS = re.compile(r"[0-9]{1,9}")
_METADATA_PAIRS, _METADATA_KEY, _METADATA_VALUE = 16, 64, 512  # OpenAI's limits for metadata
RESERVED_METADATA = frozenset(
    {
        "provider",
        "provider_name",
        "executed_model",
        "upstream_id",
        "cost_estimate",
        "cost",
        "cost_currency",
        "attempts",
    }
)

_IMAGE_FIELDS = ("input_reference", "image_url", "image")
_REFERENCE_FIELDS = ("reference_images", "reference_image_urls")
_VIDEO_FIELDS = ("input_video", "video_url", "video")
FILE_FIELDS = frozenset({*_IMAGE_FIELDS, *_REFERENCE_FIELDS, *_VIDEO_FIELDS, "file"})
SCALAR_FIELDS = frozenset(
    {
        "prompt",
        "model",
        "seconds",
        "duration",
        "size",
        "aspect_ratio",
        "resolution",
        "n",
        "webhook_url",
        "idempotency_key",
        "user",
        "strict",
        "name",
        "purpose",
    }
)
KNOWN = SCALAR_FIELDS - {"name", "purpose"} | FILE_FIELDS - {"file"} | {"metadata", "characters"}


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A create request after parsing. `extra` goes to the provider verbatim."""

    mode: Mode
    prompt: str
    model: str | None
    asked: Asked
    n: int
    images: tuple[NamedRef, ...] = ()
    video: NamedRef | None = None
    characters: tuple[str, ...] = ()
    webhook_url: str | None = None
    idempotency_key: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    strict: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)
    remixed_from: str | None = None


def parse(values: Mapping[str, object], mode: Mode | None = None) -> VideoRequest:
    """Check a body and give it types; `mode` is set by the routes that mean one (edits, extensions, remix).

    Raises GatewayError with the field's own name as `param`.
    """
    images, is_reference = _images(values)
    video = _one_media(values, _VIDEO_FIELDS)
    characters = _characters(values.get("characters"))
    if video and (images or characters):
        raise GatewayError(
            "conflicting_parameters",
            f"{video.param} cannot be combined with input images or characters.",
            param=video.param,
        )
    if mode is None:
        mode = _mode(images, video, is_reference=is_reference or bool(characters))
    elif images or characters:
        param = images[0].param if images else "characters"
        raise GatewayError("conflicting_parameters", f"{param} cannot be used in {mode} mode.", param=param)
    elif video is None:
        raise missing("video")
    return VideoRequest(
        mode=mode,
        prompt=_prompt(values.get("prompt")),
        model=_text(values, "model", _ID_LIMIT),
        asked=_asked(values),
        n=_n(values.get("n")),
        images=images,
        video=video,
        characters=characters,
        webhook_url=_text(values, "webhook_url", 2048),
        idempotency_key=_text(values, "idempotency_key", _ID_LIMIT),
        metadata=_metadata(values.get("metadata")),
        user=_text(values, "user", 512),
        strict=_boolean(values, "strict"),
        extra=_extra(values),
    )


def _images(values: Mapping[str, object]) -> tuple[tuple[NamedRef, ...], bool]:
    """Collect the input images, and say whether they are references rather than a first frame."""
    first, references = _media_list(values, _IMAGE_FIELDS), _media_list(values, _REFERENCE_FIELDS)
    if first and references:
        raise GatewayError(
            "conflicting_parameters",
            f"{first[0].param} (a first frame) cannot be combined with {references[0].param} (references).",
            param=references[0].param,
        )
    return (first or references), bool(references)


def _media_list(values: Mapping[str, object], names: tuple[str, ...]) -> tuple[NamedRef, ...]:
    given = [name for name in names if values.get(name) not in (None, "", [])]
    if len(given) > 1:
        raise GatewayError(
            "conflicting_parameters", f"{given[0]} and {given[1]} mean the same; send one of them.", param=given[1]
        )
    if not given:
        return ()
    value = values[given[0]]
    items = value if isinstance(value, list) else [value]
    return tuple(NamedRef(given[0], media_ref(item, given[0])) for item in items)


def _one_media(values: Mapping[str, object], names: tuple[str, ...]) -> NamedRef | None:
    found = _media_list(values, names)
    if len(found) > 1:
        raise invalid(found[0].param, f"Invalid {found[0].param}: expected one video, got {len(found)}.")
    return found[0] if found else None


def _mode(images: tuple[NamedRef, ...], video: NamedRef | None, *, is_reference: bool) -> Mode:
    if video:
        return Mode.EDIT
    if is_reference or len(images) > 1:
        return Mode.REFERENCE
    return Mode.IMAGE if images else Mode.TEXT


def _prompt(value: object) -> str:
    if value is None:
        raise missing("prompt")
    if value == "":
        raise GatewayError("missing_required_parameter", "The prompt is empty; describe the video.", param="prompt")
    if not isinstance(value, str):
        raise invalid("prompt", f"Invalid prompt: expected a string, got {_kind(value)}.")
    if not value.strip():
        raise invalid("prompt", "Invalid prompt: it is blank; describe the video.")
    if len(value) > PROMPT_LIMIT:
        raise invalid("prompt", f"Invalid prompt: {len(value)} characters; at most {PROMPT_LIMIT} are accepted.")
    return value


def _asked(values: Mapping[str, object]) -> Asked:
    seconds, duration = _scalar(values, "seconds"), _scalar(values, "duration")
    beats = given(seconds) is not None
    return Asked(
        size=_scalar(values, "size"),
        aspect_ratio=_scalar(values, "aspect_ratio"),
        resolution=_scalar(values, "resolution"),
        seconds=seconds if beats else duration,
        seconds_param="seconds" if beats else "duration",
        duration=duration if beats else None,
        literals=literals(values),
    )


def _extra(values: Mapping[str, object]) -> dict[str, object]:
    """Collect what goes to the provider verbatim, which is plain data: a file has nowhere to go."""
    extra = {name: value for name, value in values.items() if name not in KNOWN}
    for name, value in extra.items():
        inside = [value]
        while inside:
            item = inside.pop()
            if isinstance(item, Upload):
                raise invalid(name, f"Invalid {name}: no file is taken here; use input_reference or input_video.")
            inside += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return extra


def _scalar(values: Mapping[str, object], param: str) -> str | None:
    """Read a text or a number as text; sizing knows what it means."""
    value = values.get(param)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise invalid(param, f"Invalid {param}: expected a string or a number, got {_kind(value)}.")
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _n(value: object) -> int:
    if value is None or value == "":
        return 1
    text = str(value).strip().removesuffix(".0") if isinstance(value, (str, int, float)) else ""
    number = int(text) if _DIGITS.fullmatch(text) else 0
    if not 1 <= number <= N_LIMIT:
        raise invalid("n", f"Invalid n: expected a whole number from 1 to {N_LIMIT}, got {_shown(value)}.")
    return number


def _characters(value: object) -> tuple[str, ...]:
    if value in (None, "", []):
        return ()
    items = value if isinstance(value, list) else [value]
    ids = [item.get("id") if isinstance(item, dict) else item for item in items]
    found = tuple(item for item in ids if isinstance(item, str) and item)
    if len(found) < len(ids):
        raise invalid("characters", 'Invalid characters: expected a list of {"id": "char_…"}.')
    return found


def _metadata(value: object) -> dict[str, str]:
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise invalid("metadata", f"Invalid metadata: expected an object of strings, got {_kind(value)}.")
    if len(value) > _METADATA_PAIRS:
        raise invalid("metadata", f"Invalid metadata: {len(value)} pairs; at most {_METADATA_PAIRS} are accepted.")
    pairs: dict[str, str] = {}
    for key, item in value.items():
        if key in RESERVED_METADATA:
            raise invalid(f"metadata.{key}", f"metadata.{key} is set by the gateway; choose another name.")
        if len(key) > _METADATA_KEY:
            raise invalid("metadata", f"Invalid metadata: a key has at most {_METADATA_KEY} characters.")
        if not isinstance(item, (str, int, float)) or len(str(item)) > _METADATA_VALUE:
            raise invalid(name := f"metadata.{key}", f"Invalid {name}: at most {_METADATA_VALUE} characters of text.")
        pairs[key] = str(item).lower() if isinstance(item, bool) else str(item)
    return pairs


def _text(values: Mapping[str, object], param: str, limit: int) -> str | None:
    value = values.get(param)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid(param, f"Invalid {param}: expected a string, got {_kind(value)}.")
    if len(value) > limit:
        raise invalid(param, f"Invalid {param}: {len(value)} characters; at most {limit} are accepted.")
    return value


def _boolean(values: Mapping[str, object], param: str) -> bool:
    value = values.get(param)
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return False
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    raise invalid(param, f"Invalid {param}: expected true or false, got {_shown(value)}.")


def _shown(value: object) -> str:
    return repr(str(value)[:40]) if isinstance(value, (str, int, float)) else _kind(value)


def _kind(value: object) -> str:
    """Name a JSON type for people."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array", Upload: "a file"}
    return names.get(type(value), "an object")
