"""Pieces of the OpenAPI document that FastAPI cannot see: bodies that come as JSON or multipart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from app.api.schemas import ErrorEnvelope
from app.domain.errors import ERRORS
from app.domain.requests import N_LIMIT, PROMPT_LIMIT, RESERVED_METADATA

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

_ABSENT = {"enum": ["", None], "description": "The same as leaving the field out."}
_AMOUNT = {"type": "number", "minimum": 0.001, "maximum": 999_999_999}
_PIXELS = "[1-9][0-9]{0,8}x[1-9][0-9]{0,8}"
_RATIO = r"[1-9][0-9]{0,8}(\.[0-9]{1,9})?:[1-9][0-9]{0,8}(\.[0-9]{1,9})?"
_TIER = r"[1-9][0-9]{0,8}[pP]|[1-9][0-9]{0,8}(\.[0-9]{1,9})?[kK]?"
_SECONDS = r"[1-9][0-9]{0,8}(\.[0-9]{1,9})?s?"
_ADDRESS = {"type": "string", "pattern": "^(https?://|data:)"}
_PART_NAME = r"^[^\[\]]+(\[[^\[\]]*\]){0,8}$"
_ID = {"type": "string", "minLength": 1}


def _either(description: str, *kinds: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "anyOf": [*kinds, _ABSENT]}


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({pattern}|auto)$"}


def _words(limit: int, description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "maxLength": limit, "description": description}


def _source(**names: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe the objects that name one source, each by one of these names."""
    return [
        {"type": "object", "properties": {name: kind}, "required": [name], "title": name}
        for name, kind in names.items()
    ]


_IMAGE = [_ADDRESS, *_source(image_url=_ADDRESS, file_id=_ID)]
_IMAGES = {"type": "array", "maxItems": 14, "items": {"anyOf": _IMAGE}}
_VIDEO = [_ADDRESS, *_source(id=_ID, video_url=_ADDRESS, file_id=_ID)]
_VIDEO_DOC = "An https URL, a data URI, {file_id} or {id} of a finished video. In multipart: a file part as well."
_CHARACTER: list[dict[str, Any]] = [
    _ID,
    {"type": "object", "properties": {"id": _ID}, "required": ["id"]},
]
_PROMPT = {
    "type": "string",
    "minLength": 1,
    "maxLength": PROMPT_LIMIT,
    "pattern": r"\S",
    "description": "What to show. Each model has a limit of its own: see /models.",
}
_METADATA = {
    "type": "object",
    "maxProperties": 16,
    "propertyNames": {"maxLength": 64},
    "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 512},
}
_COMMON: dict[str, Any] = {
    "model": _words(256, "Model id, alias, or provider/model."),
    "size": _either("WIDTHxHEIGHT, W:H or auto.", _text(f"{_PIXELS}|{_RATIO}")),
    "aspect_ratio": _either("W:H or auto.", _text(_RATIO)),
    "resolution": _either("480p, 720p, 1080p, 1K, megapixels or auto.", _text(_TIER), _AMOUNT),
    "seconds": _either('Seconds: 6, "6" or "6s".', _text(_SECONDS), _AMOUNT),
    "duration": _either("Another name for seconds.", _text(_SECONDS), _AMOUNT),
    "n": _either(
        "How many videos to make; 1 unless given.",
        {"type": "integer", "minimum": 1, "maximum": N_LIMIT},
        {"type": "string", "pattern": "^([1-9]|10)$"},
    ),
    "strict": _either(
        "Refuse values that would be converted.", {"type": "boolean"}, {"enum": ["true", "false", "1", "0"]}
    ),
    "metadata": _either(
        f"Pairs of your own, shown in the video's metadata. Taken: {', '.join(sorted(RESERVED_METADATA))}.", _METADATA
    ),
    "user": _words(512, "Your own name for the end user."),
    "idempotency_key": _words(256, "As the Idempotency-Key header: a retry with it makes no second video."),
    "webhook_url": _words(2048, "Where to tell of the end: https, port 443 or 8443."),
}
_FIRST = _either("First frame; a list of several means reference images.", *_IMAGE, _IMAGES)
_REFERENCES = _either("Images for reference-to-video.", *_IMAGE, _IMAGES)
CREATE: dict[str, Any] = {
    "prompt": _PROMPT,
    **_COMMON,
    "input_reference": _FIRST,
    "image_url": {**_FIRST, "description": "Another name for input_reference."},
    "image": {**_FIRST, "description": "Another name for input_reference."},
    "reference_images": _REFERENCES,
    "reference_image_urls": {**_REFERENCES, "description": "Another name for reference_images."},
    "input_video": _either(_VIDEO_DOC, *_VIDEO),
    "video_url": _either("Another name for input_video.", *_VIDEO),
    "video": _either("Another name for input_video.", *_VIDEO),
    "characters": _either(
        "Characters to show, by their ids.", {"type": "array", "items": {"anyOf": _CHARACTER}}, *_CHARACTER
    ),
}
EDIT: dict[str, Any] = {"prompt": _PROMPT, "video": {"description": _VIDEO_DOC, "anyOf": _VIDEO}, **_COMMON}
REMIX: dict[str, Any] = {"prompt": _PROMPT, **_COMMON}


def body(properties: dict[str, Any], required: list[str], *files: str, json: bool = True) -> dict[str, Any]:
    """Describe a body for `openapi_extra`; `files` may be file parts in multipart."""
    schema = {"type": "object", "properties": properties, "required": required}
    parts = {name: _in_form(kind) for name, kind in properties.items()}
    parts |= {name: {"type": "string", "format": "binary", "minLength": 1} for name in files}
    multipart = {"schema": {**schema, "properties": parts, "propertyNames": {"pattern": _PART_NAME}}}
    content = {"multipart/form-data": multipart}
    if json:
        content["application/json"] = {"schema": schema}
    return {"requestBody": {"required": True, "content": content}}


def json_body(*models: type[BaseModel], required: bool = True) -> dict[str, Any]:
    """Describe a body that is one JSON object, of one of these shapes, for `openapi_extra`."""
    schemas = [model.model_json_schema() for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _in_form(kind: dict[str, Any]) -> dict[str, Any]:
    """Describe a field as multipart has it: text is never null."""
    if isinstance(kind.get("type"), list):
        return {**kind, "type": "string"}
    if "anyOf" in kind:
        return {**kind, "anyOf": [{"enum": [""]} if each is _ABSENT else each for each in kind["anyOf"]]}
    return kind


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
    "overloaded",
    "no_provider_configured",
)

_MAKERS = {  # what makes a thing → the parameter that names it in other routes
    "/v1/videos": "video_id",
    "/v1/videos/characters": "character_id",
    "/v1/files": "file_id",
    "/v1/keys": "key_id",
    "/v1/webhook_endpoints": "webhook_endpoint_id",
}
_REQUEST_ID = {"x-request-id": {"description": "Finds the request in the log.", "schema": {"type": "string"}}}


def install(app: FastAPI) -> None:
    """Have the app describe itself as it is: FastAPI knows nothing of our errors, keys and headers."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            if "HTTPValidationError" in str(responses.get("422")):
                del responses["422"]  # ours are 400
            if path.startswith("/v1/"):
                operation["security"] = [{"key": []}, *([{}] if path.endswith("/content") else [])]
                for status in (400, 413):
                    responses.setdefault(str(status), _envelope(status))
            for response in responses.values():
                response.setdefault("headers", {}).update(_REQUEST_ID)
    for path, parameter in _MAKERS.items():
        document["paths"][path]["post"]["responses"]["200"]["links"] = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {parameter: "$response.body#/id"},
            }
            for named, operations in document["paths"].items()
            if f"{{{parameter}}}" in named
            for operation in operations.values()
        }
    return document


def _envelope(status: int) -> dict[str, Any]:
    names = sorted(code for code in ("invalid_value", "request_too_large") if ERRORS[code].status == status)
    schema = {"$ref": "#/components/schemas/ErrorEnvelope"}
    return {"description": " or ".join(names), "content": {"application/json": {"schema": schema}}}
