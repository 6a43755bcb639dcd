"""Bracket names of multipart fields (`video[id]`, `characters[][id]`, `images[0]`) and the nested JSON they mean."""

from __future__ import annotations

import re

from app.domain.errors import GatewayError, invalid

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST = 8  # levels of nesting


def nest(fields: list[tuple[str, object]]) -> dict[str, object]:
    """Put named values into one nested dict; a name that comes twice makes a list. Raises GatewayError."""
    body: dict[str, object] = {}
    for name, value in fields:
        root, bracket, rest = name.partition("[")
        keys = _BRACKETS.findall(bracket + rest)
        if "".join(f"[{key}]" for key in keys) != bracket + rest or len(keys) > _DEEPEST:
            raise invalid(root, f"Invalid field name {name[:80]!r}.")
        try:
            body[root] = _merge(body.get(root, _NOTHING), keys, value)
        except TypeError:
            raise GatewayError(
                "conflicting_parameters", f"Field {name[:80]!r} contradicts another part of {root!r}.", param=root
            ) from None
    return body


_NOTHING = object()


def _merge(here: object, keys: list[str], value: object) -> object:
    """Return `here` with `value` put where `keys` point; raises TypeError where the shapes contradict."""
    if not keys:
        return value if here is _NOTHING else [*here, value] if isinstance(here, list) else [here, value]
    key, rest = keys[0], keys[1:]
    if key == "" or key.isdigit():
        items = [] if here is _NOTHING else here
        if not isinstance(items, list):
            raise TypeError
        return _merge_item(items, key, rest, value)
    fields = {} if here is _NOTHING else here
    if not isinstance(fields, dict):
        raise TypeError
    return {**fields, key: _merge(fields.get(key, _NOTHING), rest, value)}


def _merge_item(items: list[object], key: str, rest: list[str], value: object) -> list[object]:
    """Add to a list. In `a[][x]`, `a[][y]` the second continues the first item; a repeated `a[][x]` begins another."""
    last = items[-1] if items else None
    if key and int(key[:4]) < len(items):
        index = int(key[:4])
        return [*items[:index], _merge(items[index], rest, value), *items[index + 1 :]]
    if not key and rest and isinstance(last, dict) and rest[0] not in last:
        return [*items[:-1], _merge(last, rest, value)]
    return [*items, _merge(_NOTHING, rest, value)]
