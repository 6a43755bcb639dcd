"""Signed media links: whoever holds one may fetch that output until it expires, without a key."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SECRET_BYTES = 32
_LIFETIME = 24 * 3600  # seconds a link works at least
_STEP = 3600  # links made within one hour are equal, so that caches and polls see one URL


@dataclass(frozen=True, slots=True)
class Links:
    """Signs and checks links with the gateway's own secret."""

    secret: bytes
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


def load_secret(data_dir: Path) -> bytes:
    """Return the link secret of this data folder, made at the first start; only its owner may read the file.

    It takes its name only when it is whole. Raises ValueError for one that is not.
    """
    path = data_dir / "link.secret"
    if not path.exists():
        fresh = data_dir / f".link.secret.{secrets.token_hex(4)}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    secret = path.read_bytes()
    if len(secret) != _SECRET_BYTES:
        raise ValueError(f"{path} is damaged; remove it to have a new one made (links given out before end then)")
    return secret
