"""Limits as people type them after an option: dollars, counts, and `none`, which takes one away."""

from __future__ import annotations

import re

import typer

NONE = "none"
_MOST_DOLLARS, _MOST = 1e9, 1_000_000  # as the API has them
_COUNT = re.compile("[0-9]{1,7}")  # Python itself gives up at 4,300 digits
_SHOWN = 40  # characters of what was wrong


def amount(text: str | None) -> str | None:
    """Take dollars. Raises BadParameter, which names the option."""
    if text not in (None, NONE):
        try:
            fits = 0 <= float(text) <= _MOST_DOLLARS
        except ValueError:
            fits = False
        if not fits:
            raise typer.BadParameter(f"{text[:_SHOWN]!r} is no amount: expected dollars, such as 25 or 0.50, or {NONE}")
    return text


def count(text: str | None) -> str | None:
    """Take a whole number. Raises BadParameter, which names the option."""
    if text not in (None, NONE) and not (_COUNT.fullmatch(text) and 1 <= int(text) <= _MOST):
        raise typer.BadParameter(f"{text[:_SHOWN]!r} is no count: expected a whole number from 1 to {_MOST}, or {NONE}")
    return text
