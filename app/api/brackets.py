"""Bracket names of multipart fields (`video[id]`, `characters[][id]`, `images[0]`) and the nested JSON they mean."""

from __future__ import annotations

import re
from typing import TypeAlias

from app.domain.errors import GatewayError, invalid

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_INDEX = re.compile(r"[0-9]{1,4}")
_DEEPEST = 8  # levels of nesting


class _Leaf(list[object]):
    """The values given under one full name."""


class _Object(dict[str, "_Node"]):
    """What `a[x]` and `a[y]` make."""


class _List(dict[int, "_Node"]):
    """What `a[]` and `a[0]` make, by place."""


_Node: TypeAlias = _Leaf | _Object | _List


class _ContradictionError(Exception):
    """One name is used for two shapes."""


def nest(fields: list[tuple[str, object]]) -> dict[str, object]:
    """Put named values into one nested dict; a name that comes twice makes a list. Raises GatewayError."""
    body: dict[str, _Node] = {}
    for name, value in fields:
        root, bracket, rest = name.partition("[")
        keys = _BRACKETS.findall(bracket + rest)
        if not root or "".join(f"[{key}]" for key in keys) != bracket + rest or len(keys) > _DEEPEST:
            forms = f"expected a name such as video, video[id] or characters[0][id], at most {_DEEPEST} levels deep"
            raise invalid(root, f"Invalid field name {name[:80]!r}: {forms}.")
        try:
            body[root] = _put(body.get(root), keys, value)
        except _ContradictionError:
            raise GatewayError(
                "conflicting_parameters",
                f"Field {name[:80]!r} contradicts another part of {root[:80]!r}; "
                "use it as one value, one list or one object.",
                param=root,
            ) from None
    return {root: _plain(node) for root, node in body.items()}


def _put(here: _Node | None, keys: list[str], value: object) -> _Node:
    """Return the node with `value` added where `keys` point."""
    if not keys:
        leaf = _Leaf() if here is None else here
        if not isinstance(leaf, _Leaf):
            raise _ContradictionError
        leaf.append(value)
        return leaf
    key, rest = keys[0], keys[1:]
    if _is_place(key):
        items = _List() if here is None else here
        if not isinstance(items, _List):
            raise _ContradictionError
        place = int(key) if key else _place(items, rest)
        items[place] = _put(items.get(place), rest, value)
        return items
    fields = _Object() if here is None else here
    if not isinstance(fields, _Object):
        raise _ContradictionError
    fields[key] = _put(fields.get(key), rest, value)
    return fields


def _place(items: _List, rest: list[str]) -> int:
    """Say where `a[]…` goes: `a[][y]` after `a[][x]` continues the last item; a repeated `a[][x]` begins another."""
    if not items:
        return 0
    last = max(items)
    return last if rest and isinstance(items[last], _Object) and not _taken(items[last], rest) else last + 1


def _taken(node: _Node, keys: list[str]) -> bool:
    """Say whether the node has no room for a value under `keys`."""
    if not keys or isinstance(node, _Leaf):
        return True
    key, rest = keys[0], keys[1:]
    if _is_place(key):
        return not isinstance(node, _List) or (key != "" and int(key) in node and _taken(node[int(key)], rest))
    return not isinstance(node, _Object) or (key in node and _taken(node[key], rest))


def _is_place(key: str) -> bool:
    return not key or _INDEX.fullmatch(key) is not None


def _plain(node: _Node) -> object:
    if isinstance(node, _Object):
        return {key: _plain(child) for key, child in node.items()}
    if isinstance(node, _List):
        return [_plain(node[place]) for place in sorted(node)]
    return node[0] if len(node) == 1 else list(node)
