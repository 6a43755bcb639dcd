"""fal's webhooks: signed with ED25519, at least once (https://docs.fal.ai/model-apis/model-endpoints/webhooks).

The signed message is request id, user id, timestamp and the SHA-256 of the raw body in hex, joined by newlines; the
keys are a JWK set at {rest}/.well-known/jwks.json, to be kept for 24 hours at most; no header says which one signed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from typing import TYPE_CHECKING

from app.providers.errors import Rejected, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nacl.signing import VerifyKey

    from app.domain.plain import Json
    from app.providers.http import Http

_LEEWAY = 300.0  # seconds a timestamp may differ from our clock
_LIFETIME = 24 * 3600.0  # seconds
_PAUSE = 60.0  # seconds between two looks at the key set for signatures that no known key made
_FAULT_PAUSE = 10.0  # seconds between two looks while it cannot be read: anybody can make us look
_NAMES = ("request-id", "user-id", "timestamp", "signature")
_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)


class Callbacks:
    """Verifies callbacks; keeps the key set."""

    def __init__(self, http: Http, rest_url: str, clock: Callable[[], float]) -> None:
        self._http, self._url, self._clock = http, f"{rest_url}/.well-known/jwks.json", clock
        self._keys: list[VerifyKey] = []
        self._fetched = float("-inf")
        self._failed = float("-inf")
        self._lock = asyncio.Lock()

    async def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the request id of a genuine callback.

        Raises Rejected for any other, Transient while the key set cannot be had: fal sends it again after a 5xx.
        """
        request_id, message, signature = signed_parts(headers, body, self._clock())
        if self._must_look(message, signature):
            async with self._lock:  # those that come meanwhile are served by the same look
                if self._must_look(message, signature):
                    await self._fetch()
        if not is_signed(self._keys, message, signature):
            raise Rejected("the callback is not signed by fal.ai")
        return request_id

    def _must_look(self, message: bytes, signature: bytes) -> bool:
        age = self._clock() - self._fetched
        return age >= _LIFETIME or (age >= _PAUSE and not is_signed(self._keys, message, signature))

    async def _fetch(self) -> None:
        if self._clock() - self._failed < _FAULT_PAUSE:
            raise Transient("fal.ai's key set could not be read a moment ago")
        self._failed = self._clock()
        reply = await self._http.send("GET", self._url, with_key=False)
        keys = read_keys(reply.body) if reply.ok else []
        if not keys:
            raise Transient(f"fal.ai's key set cannot be read (status {reply.status})")
        self._keys, self._fetched, self._failed = keys, self._clock(), float("-inf")


def signed_parts(headers: Mapping[str, str], body: bytes, now: float) -> tuple[str, bytes, bytes]:
    """Return request id, signed message and signature. Raises Rejected where they are incomplete or out of date."""
    lowered = {name.lower(): value for name, value in headers.items()}
    request_id, user, moment, signature = (lowered.get(f"x-fal-webhook-{name}", "") for name in _NAMES)
    if not request_id or "\n" in request_id + user or not _SECONDS.fullmatch(moment):
        raise Rejected("the callback lacks fal.ai's signature headers")
    if abs(now - int(moment)) > _LEEWAY:
        raise Rejected("the callback's timestamp is out of date")
    message = "\n".join([request_id, user, moment, hashlib.sha256(body).hexdigest()])
    try:
        return request_id, message.encode(), bytes.fromhex(signature)
    except ValueError:
        raise Rejected("the callback's signature is not hexadecimal") from None


def is_signed(keys: list[VerifyKey], message: bytes, signature: bytes) -> bool:
    """Say whether any of the keys made the signature."""
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - only a callback needs it

    for key in keys:
        with contextlib.suppress(CryptoError):
            key.verify(message, signature)
            return True
    return False


def read_keys(body: Json) -> list[VerifyKey]:
    """Read the ED25519 keys of a JWK set (RFC 8037), leaving out what is none."""
    from nacl.signing import VerifyKey  # noqa: PLC0415 - as above

    rows = body.get("keys") if isinstance(body, dict) else None
    keys = []
    for row in rows if isinstance(rows, list) else []:
        x = row.get("x") if isinstance(row, dict) and row.get("crv", "Ed25519") == "Ed25519" else None
        if isinstance(x, str):
            with contextlib.suppress(ValueError):
                keys.append(VerifyKey(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))))
    return keys
