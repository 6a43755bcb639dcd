"""Secrets of webhooks and the signatures made with them, by the rules of Standard Webhooks."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.db import secrets as secrets_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.db.tables import SecretRow

_PREFIX = "whsec_"
_BYTES = 32
_SHOWN = 4  # characters at the end of a secret that may be seen later


def new_secret() -> str:
    """Make a secret for a receiver."""
    return _text(secrets.token_bytes(_BYTES))


def hint(secret: str) -> str:
    """Show as much of a secret as tells it from others."""
    return f"{_PREFIX}…{secret[-_SHOWN:]}"


def signed_headers(signers: Sequence[str], message_id: str, now: float, body: str) -> dict[str, str]:
    """Return the headers of one attempt at `now` (unix seconds), signed with each of these secrets."""
    from standardwebhooks import Webhook  # noqa: PLC0415 - memory that a gateway without webhooks does not need

    moment = datetime.fromtimestamp(int(now), UTC)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, body) for secret in signers),
    }


async def owners_secrets(database: Database, owner: str, now: float) -> list[str]:
    """Return the secrets that sign what goes to the `webhook_url` of this owner's videos, the newest first.

    The first is made when it is asked for; one that was replaced follows for as long as it was to.
    """
    name = _name(owner)

    async def work(session: AsyncSession) -> Sequence[SecretRow]:
        await database.hold(session, name)
        if not await secrets_table.ring(session, name):
            await secrets_table.add(session, name, secrets.token_hex(_BYTES))
        return await secrets_table.ring(session, name)

    async with database.read() as session:
        known = await secrets_table.ring(session, name)
    rows = known or await database.write(work)
    good = [row for row in rows if row.good_until is None or now < row.good_until]
    return [_text(bytes.fromhex(row.value)) for row in sorted(good, key=lambda row: row.good_until is not None)]


async def rotate_owners_secret(database: Database, owner: str, now: float, grace: float) -> None:
    """Replace that secret; the old one signs as well for `grace` more seconds, and any before it no more."""
    name, new = _name(owner), secrets.token_hex(_BYTES)

    async def work(session: AsyncSession) -> None:
        await database.hold(session, name)
        await secrets_table.forget_replaced(session, name)
        await secrets_table.replace(session, name, new, now=now, at=now, until=now + grace)

    await database.write(work)


def _name(owner: str) -> str:
    return f"webhooks:{owner}"


def _text(secret: bytes) -> str:
    return _PREFIX + base64.b64encode(secret).decode("ascii")
