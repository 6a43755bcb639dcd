"""Pieces of the OpenAPI document that FastAPI cannot see: bodies that come as JSON or multipart."""

from __future__ import annotations

from typing import Any

from app.api.schemas import ErrorEnvelope
from app.domain.errors import ERRORS

_ANY_OF_SCALARS = {"anyOf": [{"type": "string"}, {"type": "number"}]}
_MEDIA = {
    "description": "An https URL, a data URI, or an object naming one source. In multipart: a file part as well.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "object", "properties": {"image_url": {"type": "string"}, "file_id": {"type": "string"}}},
    ],
}
_VIDEO = {
    "description": "An https URL, a data URI or {id} of a finished video. In multipart: a file part as well.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "object", "properties": {"id": {"type": "string"}, "video_url": {"type": "string"}}},
    ],
}
_PROMPT = {"type": "string", "minLength": 1, "maxLength": 32000}
_COMMON: dict[str, Any] = {
    "model": {"type": "string", "description": "Model id, alias, or provider/model."},
    "size": {"type": "string", "description": "WIDTHxHEIGHT, W:H or auto."},
    "aspect_ratio": {"type": "string", "description": "W:H or auto."},
    "resolution": {**_ANY_OF_SCALARS, "description": "480p, 720p, 1080p, 1K, megapixels or auto."},
    "seconds": {**_ANY_OF_SCALARS, "description": 'Seconds: 6, "6" or "6s". Alias: duration.'},
    "n": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
    "strict": {"type": "boolean", "default": False, "description": "Refuse values that would be converted."},
    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    "user": {"type": "string"},
    "idempotency_key": {"type": "string", "maxLength": 256},
    "webhook_url": {"type": "string"},
}
CREATE: dict[str, Any] = {
    "prompt": _PROMPT,
    **_COMMON,
    "input_reference": {"anyOf": [*_MEDIA["anyOf"], {"type": "array", "items": _MEDIA}]},
    "reference_images": {"type": "array", "items": _MEDIA, "description": "Images for reference-to-video."},
    "input_video": _VIDEO,
    "characters": {
        "type": "array",
        "items": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    },
}
EDIT: dict[str, Any] = {"prompt": _PROMPT, "video": _VIDEO, **_COMMON}
REMIX: dict[str, Any] = {"prompt": _PROMPT, **_COMMON}


def body(properties: dict[str, Any], required: list[str], *files: str, json: bool = True) -> dict[str, Any]:
    """Describe a body for `openapi_extra`; `files` may be file parts in multipart."""
    schema = {"type": "object", "properties": properties, "required": required}
    parts = {**properties, **{name: {"type": "string", "format": "binary"} for name in files}}
    multipart = {"schema": {**schema, "properties": parts}}
    content = {"multipart/form-data": multipart}
    if json:
        content["application/json"] = {"schema": schema}
    return {"requestBody": {"required": True, "content": content}}


def errors(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Describe the error answers of a route, by their codes."""
    found: dict[int | str, list[str]] = {}
    for code in ("missing_api_key", "invalid_api_key", *codes):
        found.setdefault(ERRORS[code].status, []).append(code)
    return {
        status: {"model": ErrorEnvelope, "description": " or ".join(sorted(names))} for status, names in found.items()
    }


INVALID = (
    "invalid_value",
    "missing_required_parameter",
    "unsupported_value",
    "conflicting_parameters",
    "unsupported_mode",
    "invalid_image",
    "invalid_video",
    "url_not_allowed",
    "video_not_found",
    "video_not_ready",
    "model_not_found",
    "file_not_found",
    "character_not_found",
    "request_too_large",
    "unsupported_media_type",
    "idempotency_mismatch",
    "no_provider_configured",
)
