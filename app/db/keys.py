"""API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app.db.tables import ApiKeyRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession


async def find(session: AsyncSession, key_hash: str) -> ApiKeyRow | None:
    """Return the live key with this SHA-256."""
    return await session.scalar(select(ApiKeyRow).where(ApiKeyRow.hash == key_hash, ApiKeyRow.revoked_at.is_(None)))


async def list_all(session: AsyncSession) -> Sequence[ApiKeyRow]:
    """Return every key, newest first, revoked ones too."""
    return (await session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id))).all()


async def any_exists(session: AsyncSession) -> bool:
    """Say whether a key was ever made."""
    return await session.scalar(select(ApiKeyRow.id).limit(1)) is not None


async def revoke(session: AsyncSession, key_id: str, now: float) -> bool:
    """End a key; returns whether there was a live one."""
    found = await session.scalar(
        update(ApiKeyRow)
        .where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiKeyRow.id)
    )
    return found is not None


async def touch(session: AsyncSession, key_id: str, now: float) -> None:
    """Note that a key was used."""
    await session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=now))
