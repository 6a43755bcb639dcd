"""Keys that tests make, and clients that hold them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from app.api import key_schemas as schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Running


def client(gateway: Running, key: str) -> httpx.Client:
    """Return a client that sends a key."""
    return httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {key}"}, timeout=60)


def make(admin: httpx.Client, **fields: object) -> dict[str, Any]:
    """Have an admin make a key, and return it."""
    answer = admin.post("/v1/keys", json={"name": "a key", **fields})
    assert answer.status_code == 200, answer.text
    key: dict[str, Any] = answer.json()
    schemas.KeyObject.model_validate(key, strict=True)
    return key


@contextmanager
def holder(gateway: Running, admin: httpx.Client, **fields: object) -> Iterator[httpx.Client]:
    """Give a client a new key."""
    with client(gateway, make(admin, **fields)["key"]) as http:
        yield http
