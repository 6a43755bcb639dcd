"""Callbacks as fal sends them: ED25519-signed, at least once (fal.md §3)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import httpx
from nacl.signing import SigningKey

if TYPE_CHECKING:
    from tests.upstreams.behaviour import Do
    from tests.upstreams.clock import Clock
    from tests.upstreams.fal_jobs import Job

_USER = "user-of-the-fake"
_ATTEMPTS = 31
_FIRST_TIMEOUT, _TIMEOUT = 15.0, 120.0


def callback_body(job: Job) -> dict[str, Any]:
    """Make the body of a callback."""
    assert job.ending, "a callback follows the end"
    body = {"request_id": job.id, "gateway_request_id": job.id}
    if job.ending.status == 200:
        return {**body, "status": "OK", "payload": job.ending.body}
    error = f"Invalid status code: {job.ending.status}"
    return {**body, "status": "ERROR", "error": error, "payload": job.ending.body}


class Caller:
    """Signs and delivers callbacks."""

    def __init__(self, clock: Clock, backoff: float, until: float) -> None:
        self._clock, self._backoff, self._until = clock, backoff, until
        self._key = SigningKey.generate()

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JWK set."""
        x = base64.urlsafe_b64encode(self._key.verify_key.encode()).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "fake-1", "x": x}]}

    def sign(self, request_id: str, raw: bytes, *, forged: bool = False) -> dict[str, str]:
        """Return the signature headers of a body; `forged`: by a key that is not in the set."""
        key = SigningKey.generate() if forged else self._key
        moment = str(int(self._clock.now()))
        message = "\n".join([request_id, _USER, moment, hashlib.sha256(raw).hexdigest()])
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": _USER,
            "X-Fal-Webhook-Timestamp": moment,
            "X-Fal-Webhook-Signature": key.sign(message.encode()).signature.hex(),
        }

    async def deliver(self, job: Job, trouble: Do | None) -> None:
        """Deliver until it is acknowledged, refused for good (3xx) or the result has expired."""
        kind = trouble.kind if trouble else None
        assert job.webhook, "no callback was asked for"
        assert job.ending, "a callback follows the end"
        if kind == "drop":
            return
        if trouble and kind == "late":
            await self._clock.until(self._clock.now() + trouble.seconds)
        raw = json.dumps(callback_body(job)).encode()
        async with httpx.AsyncClient() as http:
            for _copy in range(2 if kind == "duplicate" else 1):
                await self._send(http, job, raw, forged=kind == "forge")

    async def _send(self, http: httpx.AsyncClient, job: Job, raw: bytes, *, forged: bool) -> None:
        assert job.webhook, "no callback was asked for"
        assert job.ending, "a callback follows the end"
        for attempt in range(_ATTEMPTS):
            headers = {"Content-Type": "application/json", **self.sign(job.id, raw, forged=forged)}
            try:
                timeout = _TIMEOUT if attempt else _FIRST_TIMEOUT
                answer = await http.post(job.webhook, content=raw, headers=headers, timeout=timeout)
            except httpx.HTTPError:
                pass
            else:
                if answer.status_code < 400:
                    return
            again = self._clock.now() + self._backoff * 2**attempt
            if again > job.ending.at + self._until:
                return
            await self._clock.until(again)
