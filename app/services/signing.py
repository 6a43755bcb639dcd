"""Secrets of webhooks and the signatures made with them, by the rules of Standard Webhooks."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from standardwebhooks import Webhook

from app.db import secrets as secrets_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database

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
    moment = datetime.fromtimestamp(int(now), UTC)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, body) for secret in signers),
    }


async def owners_secret(database: Database, owner: str) -> str:
    """Return the secret that signs what goes to the `webhook_url` of this owner's videos, made when first asked for."""
    name = f"webhooks:{owner}"

    async def work(session: AsyncSession) -> str:
        await database.hold(session, name)
        known = await secrets_table.get(session, name)
        if known is None:
            known = secrets.token_hex(_BYTES)
            await secrets_table.add(session, name, known)
        return known

    async with database.read() as session:
        known = await secrets_table.get(session, name)
    return _text(bytes.fromhex(await database.write(work) if known is None else known))


def _text(secret: bytes) -> str:
    return _PREFIX + base64.b64encode(secret).decode("ascii")
