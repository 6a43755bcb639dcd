"""Secrets of the gateway itself, which all its replicas share."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from app.db.tables import SecretRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession


async def ring(session: AsyncSession, name: str) -> Sequence[SecretRow]:
    """Return every secret of a name, the one that is used first in front."""
    found = await session.scalars(select(SecretRow).where(_named(name)).order_by(SecretRow.good_from, SecretRow.name))
    return found.all()


async def add(session: AsyncSession, name: str, value: str) -> None:
    """Keep the first secret of a name."""
    session.add(SecretRow(name=name, value=value, good_from=0.0))
    await session.flush()


async def forget_replaced(session: AsyncSession, name: str) -> None:
    """Forget those that have been replaced, though they may still be good."""
    await session.execute(delete(SecretRow).where(_named(name), SecretRow.good_until.is_not(None)))


async def replace(session: AsyncSession, name: str, value: str, *, now: float, at: float, until: float) -> None:
    """Keep a secret that is used from `at` on; those before it are good until `until`, and some day forgotten."""
    known = await ring(session, name)
    for row in known:
        row.good_until = until if row.good_until is None else min(row.good_until, until)
        if row.good_until <= now:
            await session.delete(row)
    session.add(SecretRow(name=f"{name}/{token_hex(8)}", value=value, good_from=at))
    await session.flush()


def _named(name: str) -> ColumnElement[bool]:
    return or_(SecretRow.name == name, SecretRow.name.startswith(f"{name}/", autoescape=True))
