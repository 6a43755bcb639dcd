"""Limits as people type them after an option: dollars, counts, and `none`, which takes one away."""

from __future__ import annotations

import typer

NONE = "none"
_MOST_DOLLARS, _MOST = 1e9, 1_000_000  # as the API has them


def amount(text: str | None) -> str | None:
    """Take dollars. Raises BadParameter, which names the option."""
    if text not in (None, NONE):
        try:
            fits = 0 <= float(text) <= _MOST_DOLLARS
        except ValueError:
            fits = False
        if not fits:
            raise typer.BadParameter(f"{text!r} is no amount: expected dollars, such as 25 or 0.50, or {NONE}")
    return text


def count(text: str | None) -> str | None:
    """Take a whole number. Raises BadParameter, which names the option."""
    if text not in (None, NONE) and not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise typer.BadParameter(f"{text!r} is no count: expected a whole number from 1 to {_MOST}, or {NONE}")
    return text
