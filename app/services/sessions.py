"""Browser sessions: a cookie that stands for an API key, for some hours, and never outlives it.

The row holds nothing that opens anything. Its id is a hash of the cookie's token; the key is kept as its SHA-256, by
which accounts know keys, under a pad that follows from the token: a word of the operator's own (REELGATE_ADMIN_KEY)
could be guessed from a bare hash. What ends a key (revocation, rotation, expiry) ends its sessions, because every
request by cookie asks for the key anew.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from app.db import web_sessions
from app.db.tables import WebSessionRow
from app.domain.errors import GatewayError
from app.services.accounts import hash_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.db.session import Database
    from app.services.accounts import Accounts, Caller

LIFETIME = 12 * 3600  # seconds, however busy the session is


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that was just made: what its cookie holds, and whose it is."""

    token: str = field(repr=False)
    caller: Caller


class Sessions:
    """Makes, recognises and ends sessions. Every replica knows those of the others."""

    def __init__(self, database: Database, accounts: Accounts, clock: Callable[[], float]) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    async def begin(self, key: str) -> Begun:
        """Sign in with an API key. Raises GatewayError missing_api_key, invalid_api_key."""
        caller = await self._accounts.authenticate(f"Bearer {key}")
        token, now = secrets.token_urlsafe(32), self._clock()
        row = WebSessionRow(id=_id(token), sealed=_pad(token, hash_of(key.strip())), expires_at=now + LIFETIME)
        await self._database.write(partial(web_sessions.add, row=row, now=now))
        return Begun(token, caller)

    async def authenticate(self, token: str) -> Caller:
        """Recognise the caller by its cookie. Raises GatewayError invalid_api_key."""
        if await self._accounts.is_open():
            return await self._accounts.authenticate(None)
        async with self._database.read() as session:
            row = await web_sessions.find(session, _id(token), self._clock())
        if row is None:
            raise GatewayError("invalid_api_key", "The session has ended: sign in again.")
        return await self._accounts.recognise(_pad(token, row.sealed))

    async def end(self, token: str) -> None:
        """Sign out."""
        await self._database.write(partial(web_sessions.remove, session_id=_id(token)))


def _id(token: str) -> str:
    return hashlib.sha256(f"id:{token}".encode()).hexdigest()


def _pad(token: str, digest: str) -> str:
    """Seal the digest, or open it again; the token is used for one only."""
    pad = hashlib.sha256(f"pad:{token}".encode()).digest()
    return bytes(a ^ b for a, b in zip(pad, bytes.fromhex(digest), strict=True)).hex()
