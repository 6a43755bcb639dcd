"""Who is calling: API keys, and the owner that scopes everything a caller sees."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from app.db import keys
from app.db.tables import ApiKeyRow
from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database

Role: TypeAlias = Literal["admin", "member"]

_PREFIX = "rg_"
_TRUSTED_SECONDS = 10.0  # for which a key that was looked up needs no other look
_SHOWN = 10  # characters of a key that may be seen later


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request; `owner` scopes every query."""

    owner: str
    role: Role


@dataclass(frozen=True, slots=True)
class _Known:
    """A caller whose key was looked up, and when (unix seconds)."""

    caller: Caller
    read_at: float


OPEN = Caller("open", "admin")  # everybody, while no key exists
ADMIN = Caller("admin", "admin")  # the holder of REELGATE_ADMIN_KEY


class Accounts:
    """Recognises callers and manages keys. Keys are 256-bit random, so a plain SHA-256 keeps them safe at rest."""

    def __init__(
        self, database: Database, clock: Callable[[], float], admin_key: str | None, *, required: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._admin_hash = _hash(admin_key) if admin_key else None
        self._required = required
        self.guarded = required and self._admin_hash is not None
        self._known: dict[str, _Known] = {}
        self._revocations = 0
        self._looked_at = clock()
        database.listen("keys", self._forget)

    async def load(self) -> None:
        """Learn whether keys are needed, and set `guarded` to it.

        A revoked key counts: revoking the last one must not open the gateway to everybody.
        """
        async with self._database.read() as session:
            any_key = await keys.any_exists(session)
        self.guarded = self._required and (any_key or self._admin_hash is not None)
        self._looked_at = self._clock()

    async def authenticate(self, authorization: str | None) -> Caller:
        """Recognise the caller from the Authorization header. Raises GatewayError missing_ or invalid_api_key."""
        if not self.guarded:
            if self._required and self._stale(self._looked_at):
                await self.load()
            if not self.guarded:
                return OPEN
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise GatewayError(
                "missing_api_key", "No API key was given: send it in the header 'Authorization: Bearer rg_…'."
            )
        hashed = _hash(key.strip())
        if self._admin_hash and hmac.compare_digest(hashed, self._admin_hash):
            return ADMIN
        known = self._known.get(hashed)
        caller = None if known is None or self._stale(known.read_at) else known.caller
        if caller is None:
            revocations = self._revocations
            async with self._database.read() as session:
                row = await keys.find(session, hashed)
            if row is None:
                raise GatewayError("invalid_api_key", "The API key is not valid: it is unknown or was revoked.")
            caller = Caller(row.id, "admin" if row.role == "admin" else "member")
            if revocations == self._revocations:  # or the row may have been read before it was revoked
                self._known[hashed] = _Known(caller, self._clock())
            await self._database.write(partial(keys.touch, key_id=row.id, now=self._clock()))
        return caller

    async def create_key(self, name: str, role: Role) -> tuple[ApiKeyRow, str]:
        """Make a key and return its row and the key itself, which is shown only this once."""
        secret = _PREFIX + secrets.token_urlsafe(32)
        row = ApiKeyRow(
            id=f"key_{secrets.token_hex(12)}",
            name=name,
            role=role,
            prefix=secret[:_SHOWN],
            hash=_hash(secret),
            created_at=self._clock(),
        )

        async def work(session: AsyncSession) -> None:
            session.add(row)
            await session.flush()

        await self._database.write(work, news="keys")
        await self.load()
        return row, secret

    async def list_keys(self) -> Sequence[ApiKeyRow]:
        """Return every key, newest first."""
        async with self._database.read() as session:
            return await keys.list_all(session)

    async def revoke_key(self, key_id: str) -> None:
        """End a key at once. Raises GatewayError not_found."""
        if not await self._database.write(partial(keys.revoke, key_id=key_id, now=self._clock()), news="keys"):
            raise GatewayError("not_found", f"Key {key_id[:80]!r} not found.", param="key_id")
        await self.load()

    def _forget(self) -> None:
        """Look keys up anew: another replica may have made or revoked one."""
        self._revocations += 1
        self._known.clear()
        self._looked_at = -math.inf

    def _stale(self, read_at: float) -> bool:
        """Say whether what was read then may have changed, in case the news of it never came."""
        return not 0 <= self._clock() - read_at < _TRUSTED_SECONDS


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
