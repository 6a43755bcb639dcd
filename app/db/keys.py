"""API keys, each with the row that counts against its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select, update

from app.db.tables import ApiKeyRow, BudgetRow
from app.domain.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what counts against its limits."""

    row: ApiKeyRow
    budget: BudgetRow

    @property
    def id(self) -> str:
        """Return the key's id, which owns what it makes."""
        return self.row.id

    @property
    def limits(self) -> Limits:
        """Return what the key may do and spend."""
        row, budget = self.row, self.budget
        return Limits(
            budget=budget.budget,
            period="day" if budget.period == "day" else "month" if budget.period == "month" else "total",
            requests_per_minute=budget.requests_per_minute,
            max_concurrent=budget.max_concurrent,
            models=None if row.models is None else tuple(row.models),
            providers=None if row.providers is None else tuple(row.providers),
            allow_unpriced=row.allow_unpriced,
        )


def _all() -> Select[ApiKeyRow, BudgetRow]:
    return select(ApiKeyRow, BudgetRow).join(BudgetRow, BudgetRow.owner == ApiKeyRow.id)


async def find(session: AsyncSession, key_hash: str, now: float) -> Key | None:
    """Return the key with this SHA-256, or that had it before a rotation and may still be called by it."""
    old = and_(ApiKeyRow.old_hash == key_hash, ApiKeyRow.old_until > now)
    statement = _all().where(or_(ApiKeyRow.hash == key_hash, old), ApiKeyRow.revoked_at.is_(None))
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Key(*row)


async def get(session: AsyncSession, key_id: str) -> Key | None:
    """Return one key as it is now, revoked or not."""
    statement = _all().where(ApiKeyRow.id == key_id).execution_options(populate_existing=True)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else Key(*row)


async def lock(session: AsyncSession, key_id: str) -> ApiKeyRow | None:
    """Return a live key, which nobody else changes until this transaction ends."""
    live = select(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
    return await session.scalar(live.with_for_update().execution_options(populate_existing=True))


async def list_all(session: AsyncSession) -> Sequence[Key]:
    """Return every key, newest first, revoked ones too."""
    rows = await session.execute(_all().order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id))
    return [Key(*row) for row in rows]


async def any_exists(session: AsyncSession) -> bool:
    """Say whether a key was ever made."""
    return await session.scalar(select(ApiKeyRow.id).limit(1)) is not None


async def any_admin(session: AsyncSession, now: float) -> bool:
    """Say whether an admin key is good at `now` (unix seconds)."""
    good = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > now)
    wanted = select(ApiKeyRow.id).where(ApiKeyRow.role == "admin", ApiKeyRow.revoked_at.is_(None), good)
    return await session.scalar(wanted.limit(1)) is not None


async def revoke(session: AsyncSession, key_id: str, now: float) -> bool:
    """End a key; returns whether there was a live one."""
    found = await session.scalar(
        update(ApiKeyRow)
        .where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiKeyRow.id)
    )
    return found is not None


async def revoked(session: AsyncSession, ids: Collection[str]) -> set[str]:
    """Return those of these keys that were revoked."""
    ended = select(ApiKeyRow.id).where(ApiKeyRow.id.in_(sorted(ids)), ApiKeyRow.revoked_at.is_not(None))
    return set(await session.scalars(ended))


async def touch(session: AsyncSession, key_id: str, now: float) -> None:
    """Note that a key was used."""
    await session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=now))
