"""Signed media links: whoever holds one may fetch that output until it expires, without a key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.db import secrets as secrets_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database

_NAME = "links"
_SECRET_BYTES = 32
_LIFETIME = 24 * 3600  # seconds a link works at least
_STEP = 3600  # links made within one hour are equal, so that caches and polls see one URL


@dataclass(frozen=True, slots=True)
class Links:
    """Signs and checks links with the gateway's own secret."""

    secret: bytes = field(repr=False)
    clock: Callable[[], float]

    def query(self, video_id: str, index: int) -> str:
        """Return the query string that opens /videos/{id}/content for one output."""
        expires = (int(self.clock()) // _STEP + 1) * _STEP + _LIFETIME
        return f"index={index}&expires={expires}&signature={self._sign(video_id, index, expires)}"

    def allows(self, video_id: str, index: int, expires: int, signature: str) -> bool:
        """Say whether the link is ours and still valid."""
        genuine = hmac.compare_digest(self._sign(video_id, index, expires).encode(), signature.encode())
        return genuine and self.clock() < expires

    def input_query(self, video_id: str, index: int) -> str:
        """Return the query string that opens /inputs/{video}/{index}: for providers that fetch inputs themselves."""
        expires = int(self.clock()) + _LIFETIME
        return f"expires={expires}&signature={self._sign(f'inputs/{video_id}', index, expires)}"

    def allows_input(self, video_id: str, index: int, expires: int, signature: str) -> bool:
        """Say whether the link to an input is ours and still valid."""
        genuine = hmac.compare_digest(self._sign(f"inputs/{video_id}", index, expires).encode(), signature.encode())
        return genuine and self.clock() < expires

    def _sign(self, video_id: str, index: int, expires: int) -> str:
        return hmac.new(self.secret, f"{video_id}:{index}:{expires}".encode(), hashlib.sha256).hexdigest()


async def load_secret(database: Database, file: Path) -> bytes:
    """Return the secret that signs links, made at the first start; replicas find the same one in the database.

    `file` is where earlier versions kept it, and what was signed then stays valid.
    """

    async def work(session: AsyncSession) -> str:
        await database.hold(session, _NAME)
        known = await secrets_table.get(session, _NAME)
        if known is None:
            known = (_earlier(file) or secrets.token_bytes(_SECRET_BYTES)).hex()
            await secrets_table.add(session, _NAME, known)
        return known

    return bytes.fromhex(await database.write(work))


def _earlier(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
