"""Secrets of the gateway itself, which all its replicas share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.db.tables import SecretRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def get(session: AsyncSession, name: str) -> str | None:
    """Return a secret by its name."""
    row = await session.get(SecretRow, name)
    return None if row is None else row.value


async def add(session: AsyncSession, name: str, value: str) -> None:
    """Keep a secret."""
    session.add(SecretRow(name=name, value=value))
    await session.flush()
