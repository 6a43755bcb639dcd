"""Signed media links: whoever holds one may fetch that output until it expires, without a key."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.services.link_secrets import Ring

_LIFETIME = 24 * 3600  # seconds a link works at least
_STEP = 3600  # links made within one hour are equal, so that caches and polls see one URL
LONGEST = _LIFETIME + _STEP  # seconds a link works at most


@dataclass(frozen=True, slots=True)
class Links:
    """Signs links with the gateway's newest secret, and checks them with all that are still good."""

    ring: Ring
    clock: Callable[[], float]

    def query(self, video_id: str, index: int) -> str:
        """Return the query string that opens /videos/{id}/content for one output."""
        expires = (int(self.clock()) // _STEP + 1) * _STEP + _LIFETIME
        return f"index={index}&expires={expires}&signature={self._signature(video_id, index, expires)}"

    def allows(self, video_id: str, index: int, expires: int, signature: str) -> bool:
        """Say whether the link is ours and still valid."""
        now = self.clock()
        known = [_sign(secret, video_id, index, expires) for secret in self.ring.accepted(now)]
        return now < expires and any(hmac.compare_digest(each.encode(), signature.encode()) for each in known)

    def input_query(self, video_id: str, index: int) -> str:
        """Return the query string that opens /inputs/{video}/{index}: for providers that fetch inputs themselves."""
        expires = int(self.clock()) + _LIFETIME
        return f"expires={expires}&signature={self._signature(f'inputs/{video_id}', index, expires)}"

    def allows_input(self, video_id: str, index: int, expires: int, signature: str) -> bool:
        """Say whether the link to an input is ours and still valid."""
        return self.allows(f"inputs/{video_id}", index, expires, signature)

    def _signature(self, thing: str, index: int, expires: int) -> str:
        return _sign(self.ring.used(self.clock()), thing, index, expires)


def _sign(secret: bytes, thing: str, index: int, expires: int) -> str:
    return hmac.new(secret, f"{thing}:{index}:{expires}".encode(), hashlib.sha256).hexdigest()
