"""Who is calling: API keys, and the owner that scopes everything a caller sees."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.db import budgets, keys
from app.db.tables import ApiKeyRow
from app.domain import key_format
from app.domain.errors import GatewayError
from app.domain.key_settings import KeySettings
from app.domain.limits import UNLIMITED, Limits, Role
from app.services.audit import CLI, audit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.keys import Key
    from app.db.session import Database

_TRUSTED_SECONDS = 10.0  # for which a key that was looked up needs no other look
_SHOWN = 10  # characters of a key that may be seen later
_ADMIN_KEYS = "admin keys"  # whether there are any is for one write at a time


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request; `owner` scopes every query."""

    owner: str
    role: Role
    limits: Limits = UNLIMITED

    def may_read(self, owner: str) -> bool:
        """Say whether this owner's videos may be looked at: one's own and, by an admin, everybody's."""
        return self.role == "admin" or owner == self.owner


@dataclass(frozen=True, slots=True)
class _Known:
    """A caller whose key was looked up when, and until when the key is good (unix seconds)."""

    caller: Caller
    read_at: float
    ends_at: float


OPEN = Caller("open", "admin")  # everybody, while no key exists
ADMIN = Caller("admin", "admin")  # the holder of REELGATE_ADMIN_KEY


class Accounts:
    """Recognises callers and manages keys. Keys hold 178 random bits, so a plain SHA-256 keeps them safe at rest.

    `by` is the key of whoever makes or changes one, for the audit trail.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float], admin_key: str | None, *, required: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._admin_hash = hash_of(admin_key) if admin_key else None
        self._required = required
        self.guarded = required and self._admin_hash is not None
        self._known: dict[str, _Known] = {}
        self._changes = 0
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
        if await self.is_open():
            return OPEN
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise GatewayError(
                "missing_api_key", "No API key was given: send it in the header 'Authorization: Bearer rg_…'."
            )
        hashed = hash_of(key)
        known = self._remembered(hashed)
        if known is not None:
            return known
        if not key_format.is_whole(key):
            raise GatewayError("invalid_api_key", key_format.fault(key))
        return await self._look_up(hashed)

    async def may_end(self, caller: Caller, owner: str) -> bool:
        """Say whether the caller may end this owner's videos: its own, and an admin what no live key holds."""
        if owner == caller.owner or caller.role != "admin":
            return owner == caller.owner
        if owner in (OPEN.owner, ADMIN.owner):
            return owner == OPEN.owner or self._admin_hash is None
        async with self._database.read() as session:
            key = await keys.get(session, owner)
        return key is None or key.row.revoked_at is not None

    async def is_open(self) -> bool:
        """Say whether everybody is let in, because no key exists or none is asked for."""
        if not self.guarded and self._required and self._stale(self._looked_at):
            await self.load()
        return not self.guarded

    async def recognise(self, hashed: str) -> Caller:
        """Recognise the caller by `hash_of` the key. Raises GatewayError invalid_api_key."""
        return self._remembered(hashed) or await self._look_up(hashed)

    def _remembered(self, hashed: str) -> Caller | None:
        """Return whose key this is, if that was looked up lately."""
        if self._admin_hash and hmac.compare_digest(hashed, self._admin_hash):
            return ADMIN
        known = self._known.get(hashed)
        fresh = known is not None and not self._stale(known.read_at) and self._clock() < known.ends_at
        return known.caller if known is not None and fresh else None

    async def _look_up(self, hashed: str) -> Caller:
        """Find the key, and note that it is used: no more often than it is looked up. Raises GatewayError."""
        changes, now = self._changes, self._clock()
        async with self._database.read() as session:
            key = await keys.find(session, hashed, now)
        if key is None:
            raise GatewayError("invalid_api_key", "The API key is not valid: it is unknown, or was revoked or rotated.")
        row = key.row
        ends_at = min(
            math.inf if row.expires_at is None else row.expires_at,
            math.inf if row.hash == hashed or row.old_until is None else row.old_until,
        )
        if ends_at <= now:
            raise GatewayError("invalid_api_key", "The API key is not valid any more: it has expired.")
        caller = Caller(row.id, _role(row), key.limits)
        others = self._known.get(hashed)  # many may ask at one moment: one of them notes that it is used
        if changes == self._changes:  # or the row may have been read before it was revoked
            self._known[hashed] = _Known(caller, now, ends_at)
        if others is None or self._stale(others.read_at):
            await self._database.write(partial(keys.touch, key_id=row.id, now=now))
        return caller

    async def create_key(
        self, name: str, role: Role, limits: Limits = UNLIMITED, expires_at: float | None = None, *, by: str = CLI
    ) -> tuple[Key, str]:
        """Make a key and return it and its secret, which is shown only this once.

        While there is no admin key, it has to be one. Raises GatewayError: unsupported_value; missing_api_key where
        there are keys, and who asks was let in without one.
        """
        self._check_expiry(expires_at)
        secret = _new_secret()
        row = ApiKeyRow(
            id=f"key_{secrets.token_hex(12)}", prefix=secret[:_SHOWN], hash=hash_of(secret), created_at=self._clock()
        )

        async def work(session: AsyncSession) -> None:
            await self._check_open(session, by)
            _set(row, KeySettings(name, role, limits, expires_at))
            session.add(row)
            await self._check_admin(session)
            await budgets.set_limits(session, row.id, limits, row.created_at)

        await self._database.write(work, news="keys")
        audit("key.create", who=by, target=row.id, role=role)
        await self.load()
        return await self.get_key(row.id), secret

    async def list_keys(self) -> Sequence[Key]:
        """Return every key, newest first."""
        async with self._database.read() as session:
            return await keys.list_all(session)

    async def get_key(self, key_id: str) -> Key:
        """Return one key, revoked or not. Raises GatewayError not_found."""
        async with self._database.read() as session:
            key = await keys.get(session, key_id)
        if key is None:
            raise _unknown(key_id)
        return key

    async def update_key(self, key_id: str, change: Callable[[KeySettings], KeySettings], *, by: str = CLI) -> Key:
        """Set a live key's settings anew; what it has spent stays. Raises GatewayError not_found, unsupported_value."""

        async def work(session: AsyncSession) -> list[str]:
            row = await keys.lock(session, key_id)
            key = await keys.get(session, key_id)
            if row is None or key is None:
                raise _unknown(key_id)
            before = KeySettings(row.name, _role(row), key.limits, row.expires_at)
            wanted = change(before)
            if wanted.expires_at != row.expires_at:
                self._check_expiry(wanted.expires_at)
            _set(row, wanted)
            if before.role == "admin" != wanted.role:
                await self._check_admin(session)
            await budgets.set_limits(session, key_id, wanted.limits, self._clock())
            return wanted.changed(before)

        changed = await self._database.write(work, news="keys")
        audit("key.update", who=by, target=key_id, changed=changed)
        return await self.get_key(key_id)

    async def rotate_key(self, key_id: str, grace: float, *, by: str = CLI) -> tuple[Key, str]:
        """Give a live key a new secret; the old one is good for `grace` more seconds. Raises GatewayError not_found."""
        secret = _new_secret()

        async def work(session: AsyncSession) -> None:
            row = await keys.lock(session, key_id)
            if row is None:
                raise _unknown(key_id)
            row.old_hash, row.old_until = (row.hash, self._clock() + grace) if grace else (None, None)
            row.hash, row.prefix = hash_of(secret), secret[:_SHOWN]
            await session.flush()

        await self._database.write(work, news="keys")
        audit("key.rotate", who=by, target=key_id, grace_seconds=grace)
        return await self.get_key(key_id), secret

    async def revoke_key(self, key_id: str, *, again: bool = False, by: str = CLI) -> None:
        """End a key at once. Raises GatewayError not_found; with `again` not where it was revoked before."""
        if not await self._database.write(partial(keys.revoke, key_id=key_id, now=self._clock()), news="keys"):
            if not again:
                raise _unknown(key_id)
            await self.get_key(key_id)
            return
        audit("key.revoke", who=by, target=key_id)
        await self.load()

    async def _check_open(self, session: AsyncSession, by: str) -> None:
        """Refuse a key to whoever has none, once there are some: to send a body may take until long after the first."""
        if by != OPEN.owner or not self._required:
            return
        await self._database.hold(session, _ADMIN_KEYS)
        if await keys.any_exists(session):
            message = "There are API keys now: send one in the header 'Authorization: Bearer rg_…'."
            raise GatewayError("missing_api_key", message)

    async def _check_admin(self, session: AsyncSession) -> None:
        """Refuse what would leave nobody who may make and change keys. Raises GatewayError unsupported_value."""
        await session.flush()
        await self._database.hold(session, _ADMIN_KEYS)  # or two that give up their role would count on each other
        if self._admin_hash is None and not await keys.any_admin(session, self._clock()):
            message = (
                "Invalid role: there would be no admin key, and from the first key on every request needs one. "
                "Ask for the role 'admin' (`reelgate keys create NAME --admin`), or set REELGATE_ADMIN_KEY before."
            )
            raise GatewayError("unsupported_value", message, param="role")

    def _check_expiry(self, expires_at: float | None) -> None:
        if expires_at is not None and expires_at <= self._clock():
            message = "expires_at lies in the past; to end a key now, revoke it."
            raise GatewayError("unsupported_value", message, param="expires_at")

    def _forget(self) -> None:
        """Look keys up anew: another replica may have made, changed or revoked one."""
        self._changes += 1
        self._known.clear()
        self._looked_at = -math.inf

    def _stale(self, read_at: float) -> bool:
        """Say whether what was read then may have changed, in case the news of it never came."""
        return not 0 <= self._clock() - read_at < _TRUSTED_SECONDS


def _set(row: ApiKeyRow, wanted: KeySettings) -> None:
    limits = wanted.limits
    row.name, row.role, row.expires_at = wanted.name, wanted.role, wanted.expires_at
    row.models = None if limits.models is None else list(limits.models)
    row.providers = None if limits.providers is None else list(limits.providers)
    row.allow_unpriced = limits.allow_unpriced


def _role(row: ApiKeyRow) -> Role:
    return "admin" if row.role == "admin" else "reader" if row.role == "reader" else "member"


def _new_secret() -> str:
    return key_format.seal("".join(secrets.choice(key_format.ALPHABET) for _ in range(key_format.RANDOM_LENGTH)))


def _unknown(key_id: str) -> GatewayError:
    return GatewayError("not_found", f"Key {key_id[:80]!r} not found.", param="key_id")


def hash_of(key: str) -> str:
    """Return the SHA-256 by which a key is known."""
    return hashlib.sha256(key.encode()).hexdigest()
