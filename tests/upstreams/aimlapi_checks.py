"""What AI/ML API says to a request body: zod's texts, as reference/aimlapi.md section 4 quotes them.

Numbers in strings are numbers: the vendor's own sample sends `"duration": "8"` (section 2). What happens to unknown
keys is not documented (section 8); this fake refuses them, so that nothing is sent that no document names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.upstreams.aimlapi_models import MODELS, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.upstreams.aimlapi_models import Field, Model

_JSON_NAMES = {dict: "object", list: "array", bool: "boolean", int: "number", float: "number", type(None): "null"}


class Refused(Exception):
    """The body is refused: one message per mistake."""

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


def check(body: Any) -> tuple[Model, dict[str, Any]]:
    """Return the model and the body with defaults and numbers in place, or raise Refused."""
    if not isinstance(body, dict):
        raise Refused(f"Expected object, received {_name(body)}")
    if not isinstance(body.get("model"), str):
        raise Refused("model: Required" if "model" not in body else f"model: {_expected('string', body['model'])}")
    model = find(body["model"])
    if model is None:
        raise Refused(f"model: {_not_in(tuple(known.id for known in MODELS), body['model'])}")
    values = _coerced(model, body)
    mistakes = list(_mistakes(model, values))
    if mistakes:
        raise Refused(*mistakes)
    defaults = {name: field.default for name, field in model.fields.items() if field.default is not None}
    return model, {**defaults, **values}


def _coerced(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    numbers = {name for name, field in model.fields.items() if field.kind in {"integer", "number"}}
    return {name: _number(value) if name in numbers else value for name, value in body.items() if name != "model"}


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def _mistakes(model: Model, body: dict[str, Any]) -> Iterator[str]:
    for name in model.required:
        if name not in body:
            yield f"{name}: Required"
    for name, value in body.items():
        if name not in model.fields:
            yield f"Unrecognized key(s) in object: '{name}'"
        else:
            yield from (f"{name}: {text}" for text in _field_mistakes(model.fields[name], value))
    if len(model.apart) > 1 and all(name in body for name in model.apart):
        yield f"{' and '.join(model.apart)} cannot be combined"


def _field_mistakes(field: Field, value: Any) -> Iterator[str]:
    if field.kind in {"integer", "number"}:
        yield from _number_mistakes(field, value)
    elif field.kind in {"uris", "objects"}:
        yield from _list_mistakes(field, value)
    elif field.kind == "boolean":
        if not isinstance(value, bool):
            yield _expected("boolean", value)
    elif not isinstance(value, str):
        yield _expected("string", value)
    elif field.kind == "uri" and not _is_uri(value):
        yield "Invalid url"
    elif field.values and value not in field.values:
        yield _not_in(field.values, value)


def _number_mistakes(field: Field, value: Any) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _expected("number", value)
    elif field.kind == "integer" and not float(value).is_integer():
        yield "Expected integer, received float"
    elif field.values and value not in field.values:
        yield _not_in(field.values, value)
    elif field.least is not None and value < field.least:
        yield f"Number must be greater than or equal to {field.least}"
    elif field.most is not None and value > field.most:
        yield f"Number must be less than or equal to {field.most}"


def _list_mistakes(field: Field, value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield _expected("array", value)
        return
    if field.least is not None and len(value) < field.least:
        yield f"Array must contain at least {field.least} element(s)"
    if field.most is not None and len(value) > field.most:
        yield f"Array must contain at most {field.most} element(s)"
    for item in value:
        if field.kind == "objects":
            if not isinstance(item, dict):
                yield _expected("object", item)
        elif not isinstance(item, str):
            yield _expected("string", item)
        elif not _is_uri(item):
            yield "Invalid url"


def _is_uri(text: str) -> bool:
    """Tell whether it is a link or a data URI; many models take both, grok's pages say only link (section 6)."""
    parts = urlsplit(text)
    return (parts.scheme in {"http", "https"} and bool(parts.netloc)) or text.startswith("data:image/")


def _expected(kind: str, value: Any) -> str:
    return f"Expected {kind}, received {_name(value)}"


def _not_in(values: tuple[str | int, ...], value: Any) -> str:
    known = " | ".join(f"'{value}'" for value in values)
    return f"Invalid enum value. Expected {known}, received '{value}'"


def _name(value: Any) -> str:
    return _JSON_NAMES.get(type(value), "string")
