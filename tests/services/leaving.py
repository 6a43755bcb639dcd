"""A database that tests take away and bring back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from app.db.session import DatabaseUnavailable
from app.db.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")


class Leaving(SqliteDatabase):
    """A database that is away at times: nothing can be written then."""

    away = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.refused: set[asyncio.Task[Any] | None] = set()  # the tasks that wanted to write

    async def migrate(self) -> None:
        """Its tables are there."""

    async def write(self, work: Callable[[AsyncSession], Awaitable[T]], news: Any = None, *, brief: bool = False) -> T:
        if self.away:
            self.refused.add(asyncio.current_task())
            await asyncio.sleep(0)
            raise DatabaseUnavailable("away")
        return await super().write(work, news, brief=brief)
