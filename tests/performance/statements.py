"""Count the statements that reach a database."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Statement:
    """One statement and the parameters it was sent with."""

    text: str
    parameters: tuple[object, ...]


@contextmanager
def counted() -> Iterator[list[Statement]]:
    """Collect what this thread asks of any database, without the frames of transactions.

    Gateways of other tests run in threads of their own, and look at theirs every few seconds.
    """
    seen: list[Statement] = []
    here = get_ident()

    def see(*details: object) -> None:
        _connection, _cursor, text, parameters, *_ = details
        if get_ident() == here and not str(text).startswith(
            ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")
        ):
            seen.append(Statement(str(text), tuple(parameters) if isinstance(parameters, list | tuple) else ()))

    event.listen(Engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", see)
