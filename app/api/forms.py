"""Bodies: JSON and multipart put into one shape, a dict of plain values and uploads."""

from __future__ import annotations

import json
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
_STRUCTURED = FILE_FIELDS | {"metadata", "characters"}


async def read_body(request: Request, folder: Path) -> Body:
    """Read the body into a dict; uploaded files are put into `folder`. Raises GatewayError."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields = await parse_multipart(content_type, request.stream(), folder)
        body = nest([(name, _typed(name.partition("[")[0], value)) for name, value in fields])
    elif kind in ("application/json", "") or kind.endswith("+json"):
        body = _parse_json(await request.body())
    else:
        raise GatewayError(
            "unsupported_media_type",
            f"Content-Type {kind[:80]!r} is not supported; send application/json or multipart/form-data.",
        )
    try:
        for name, value in body.items():
            _check_text(name, name[:80])
            _check_text(value, name)
    except RecursionError:
        raise GatewayError("invalid_value", "The request body is nested too deeply.") from None
    return body


def _parse_json(raw: bytes) -> Body:
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise GatewayError("invalid_value", f"The request body is not valid JSON: {reason}.") from None
    if not isinstance(value, dict):
        raise GatewayError("invalid_value", "The request body must be a JSON object.")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _check_text(value: object, param: str) -> None:
    """Refuse what no database and no provider takes: NUL characters and halves of surrogate pairs."""
    if isinstance(value, str):
        if "\0" in value:
            raise invalid(param, f"Invalid {param}: it contains a NUL character.")
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise invalid(param, f"Invalid {param}: it contains half of a surrogate pair.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, param)
            _check_text(item, param)
    elif isinstance(value, list):
        for item in value:
            _check_text(item, param)


def _typed(root: str, value: str | Upload) -> object:
    """Give text its type: known fields are typed by their parser, unknown JSON literals pass as what they are."""
    if isinstance(value, Upload) or root in SCALAR_FIELDS:
        return value
    if root in _STRUCTURED:
        return _parse_structure(value) if value[:1] in ("{", "[") else value
    if _LITERAL.fullmatch(value):
        return json.loads(value)
    return value


def _parse_structure(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
