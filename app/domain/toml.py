"""Data files: tables laid over each other, and mistakes named by their key and their line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

Table: TypeAlias = dict[str, object]
Place: TypeAlias = tuple[str, ...]  # the keys that lead to a value
_T = TypeVar("_T", bound=BaseModel)

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_ENTRY = re.compile(rf"\s*({_DOTTED})\s*=")
_WHOLE = frozenset({"seconds", "images", "video", "free_size"})  # half of one and half of another make no sense


class MistakeError(ValueError):
    """What is wrong in a data file, and where."""

    def __init__(self, *mistakes: tuple[Place, str]) -> None:
        super().__init__("; ".join(f"{'.'.join(place)}: {what}" for place, what in mistakes))
        self.mistakes = mistakes

    def with_lines(self, text: str) -> ValueError:
        """Say it again with the line of each mistake in `text`."""
        said = []
        for place, what in self.mistakes:
            line = _line_of(text, place)
            said.append(f"{f'line {line}: ' if line else ''}{'.'.join(place)}: {what}")
        return ValueError("; ".join(said))


def read(kind: type[_T], table: object, where: Place = ()) -> _T:
    """Validate a table. Raises MistakeError with every mistake in it."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        raise MistakeError(
            *(
                ((*where, *map(str, each["loc"])), "unknown key" if each["type"] == "extra_forbidden" else each["msg"])
                for each in error.errors(include_url=False)
            )
        ) from None


def merge(base: Table, extra: Table) -> Table:
    """Lay `extra` over `base`, table by table; limits are replaced whole."""
    merged = dict(base)
    for key, value in extra.items():
        under = base.get(key)
        both = isinstance(under, dict) and isinstance(value, dict) and key not in _WHOLE
        merged[key] = merge(under, value) if both else value  # type: ignore[arg-type]  # `both` says they are tables
    return merged


@dataclass(frozen=True, slots=True)
class Layers:
    """Tables that one table is read from, the uppermost first, each with its place in the file.

    The tables under the keys `merged` merge; everything else replaces what lies below it.
    """

    merged: frozenset[str]
    tables: tuple[tuple[Place, Table], ...]

    def read(self, kind: type[_T]) -> _T:
        """Validate them as one table. Raises MistakeError with every mistake in it, at the place it comes from."""
        whole: Table = {}
        for _, table in reversed(self.tables):
            for key, value in table.items():
                under = whole.get(key)
                both = key in self.merged and isinstance(under, dict) and isinstance(value, dict)
                whole[key] = {**under, **value} if both else value  # type: ignore[dict-item]  # `both` says they are
        try:
            return read(kind, whole)
        except MistakeError as error:
            raise MistakeError(*((self.source(key), what) for key, what in error.mistakes)) from None

    def source(self, key: Place) -> Place:
        """Say where the value at `key` comes from; it is missing from the uppermost where it is in none."""
        deep = key[: 2 if key and key[0] in self.merged else 1]
        for place, table in self.tables:
            inner: object = table
            for part in deep:
                inner = inner.get(part) if isinstance(inner, dict) else None
            if inner is not None:
                return *place, *key
        return *self.tables[0][0], *key


def _line_of(text: str, place: Place) -> int:
    """Return the first line that leads furthest towards `place`, 0 where none does."""
    best, found = 0, 0
    for line, path in _paths(text):
        common = next((index for index, (a, b) in enumerate(zip(path, place, strict=False)) if a != b), None)
        shared = min(len(path), len(place)) if common is None else common
        if shared > best:
            best, found = shared, line
    return found


def _paths(text: str) -> Iterator[tuple[int, Place]]:
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _keys(header[1])
            yield number, table
        elif entry := _ENTRY.match(line):
            yield number, (*table, *_keys(entry[1]))


def _keys(dotted: str) -> Place:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, dotted))
