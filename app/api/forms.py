"""Bodies: JSON and multipart put into one shape, a dict of plain values and uploads."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, TypeAlias

from app.api.brackets import nest
from app.api.multipart import parse_multipart
from app.domain.errors import GatewayError, invalid
from app.domain.requests import FILE_FIELDS, SCALAR_FIELDS, Upload

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import Request

Body: TypeAlias = dict[str, object]

_LITERAL = re.compile(r"true|false|null|-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAME_SHOWN = 80  # characters of a field's name in a message
_DEEPEST = 64  # levels of nesting
_DIGITS = 400  # of one whole number; the largest float has 309
_MOST_COMMAS = 200_000  # keeps 64 MiB of "[],[],[]…" from becoming gigabytes of objects
_STRUCTURED = FILE_FIELDS | {"metadata", "characters"}


async def read_body(request: Request, folder: Path) -> Body:
    """Read the body into a dict; uploaded files are put into `folder`. Raises GatewayError."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields = await parse_multipart(content_type, request.stream(), folder)
        body = nest([(name, _typed(name.partition("[")[0], value)) for name, value in fields])
    elif kind in ("application/json", "") or kind.endswith("+json"):
        body = _parse_json(await _read_text(request))
    else:
        raise GatewayError(
            "unsupported_media_type",
            f"Content-Type {kind[:80]!r} is not supported; send application/json or multipart/form-data.",
        )
    for name, value in body.items():
        _check_text(name, name[:_NAME_SHOWN], 0)
        _check_text(value, name[:_NAME_SHOWN], 1)
    return body


async def _read_text(request: Request) -> str:
    """Read the whole body as text; it is never held more than twice. Raises GatewayError."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
    try:
        return raw.decode(json.detect_encoding(raw))
    except UnicodeDecodeError:
        raise GatewayError("invalid_value", "The request body is not valid JSON: it is not UTF-8 text.") from None


def _parse_json(text: str) -> Body:
    if not text.strip():
        return {}
    if text.count(",") > _MOST_COMMAS:
        raise GatewayError("invalid_value", f"The request body has more than {_MOST_COMMAS} JSON values.")
    try:
        value = _load(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise GatewayError("invalid_value", f"The request body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise GatewayError("invalid_value", 'The request body must be a JSON object such as {"prompt": "a calm sea"}.')
    return value


def _load(text: str) -> object:
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"the number {text[:40]}… is too large")
    return int(text)


def _check_text(value: object, param: str, depth: int) -> None:
    """Refuse what no database and no provider takes: NUL characters and halves of surrogate pairs."""
    if depth > _DEEPEST:
        raise _too_deep()
    if isinstance(value, str):
        if "\0" in value:
            raise invalid(param, f"Invalid {param}: it contains a NUL character.")
        if not value.isascii() and _SURROGATE.search(value):
            raise invalid(param, f"Invalid {param}: it contains half of a surrogate pair.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, param, depth + 1)
            _check_text(item, param, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_text(item, param, depth + 1)


def _too_deep() -> GatewayError:
    return GatewayError(
        "invalid_value", f"The request body is nested too deeply: at most {_DEEPEST} levels are accepted."
    )


def _typed(root: str, value: str | Upload) -> object:
    """Give text its type: known fields are typed by their parser, unknown JSON literals pass as what they are."""
    if isinstance(value, Upload) or root in SCALAR_FIELDS:
        return value
    if root in _STRUCTURED:
        return _parse_structure(value) if value[:1] in ("{", "[") else value
    return _literal(value) if _LITERAL.fullmatch(value) else value


def _literal(text: str) -> object:
    try:
        return _load(text)
    except ValueError:  # 1e999 is no number that anybody can pass on
        return text


def _parse_structure(text: str) -> object:
    try:
        return _load(text)
    except (ValueError, RecursionError):
        return text
