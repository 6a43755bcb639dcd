"""Revoking keys, and ending what a revoked key has left behind: its live videos and its webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.db import outputs, videos, webhooks
from app.services.audit import CLI, audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.services.accounts import Accounts

_REASON = "Its API key was revoked."


@dataclass(frozen=True, slots=True)
class Revoking:
    """Revokes keys. `keep` is for how many seconds a finished video is kept (None: for ever)."""

    database: Database
    accounts: Accounts
    clock: Callable[[], float]
    keep: float | None

    async def revoke(self, key_id: str, *, cancel: bool = False, by: str = CLI) -> int:
        """End a key at once, and return how many of its videos that cancelled. Raises GatewayError not_found.

        What it ordered goes on, for it was accepted and is paid for, unless `cancel` asks otherwise: then its live
        videos are cancelled, its webhook endpoints disabled, and nothing is sent to its `webhook_url`s any more. That
        may be asked of a key that was revoked before, also to go on where it broke off.
        """
        await self.accounts.revoke_key(key_id, again=cancel, by=by)
        if not cancel:
            return 0
        endpoints = await self.database.write(partial(self._silence, owner=key_id))
        async with self.database.read() as session:
            live = await videos.live_ids(session, key_id)
        for video_id in live:  # each by itself, so that nobody else's create waits for all of them
            await self.database.write(partial(self._stop, owner=key_id, video_id=video_id), news="work")
        await self.database.write(partial(self._silence, owner=key_id))  # some may have ended by themselves meanwhile
        audit("key.cancel", who=by, target=key_id, videos=len(live), endpoints=endpoints)
        return len(live)

    async def _stop(self, session: AsyncSession, owner: str, video_id: str) -> None:
        """Cancel a video; the event that this leaves is told to nobody."""
        await self.database.hold(session, "deliveries")
        await outputs.cancel(session, video_id, self.clock(), self.keep)
        await webhooks.silence(session, owner, self.clock(), _REASON)

    async def _silence(self, session: AsyncSession, owner: str) -> int:
        """Tell this owner's receivers nothing from now on; returns how many endpoints that disabled."""
        await self.database.hold(session, "deliveries")  # none are claimed meanwhile, in another order
        return await webhooks.silence(session, owner, self.clock(), _REASON)
