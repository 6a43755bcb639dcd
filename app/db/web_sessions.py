"""Browsers that are signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from app.db.tables import WebSessionRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def add(session: AsyncSession, row: WebSessionRow, now: float) -> None:
    """Keep one, and forget those that have ended."""
    await session.execute(delete(WebSessionRow).where(WebSessionRow.expires_at <= now))
    session.add(row)
    await session.flush()


async def find(session: AsyncSession, session_id: str, now: float) -> WebSessionRow | None:
    """Return the one of this id, if it has not ended."""
    live = select(WebSessionRow).where(WebSessionRow.id == session_id, WebSessionRow.expires_at > now)
    return await session.scalar(live)


async def remove(session: AsyncSession, session_id: str) -> None:
    """Forget one."""
    await session.execute(delete(WebSessionRow).where(WebSessionRow.id == session_id))
