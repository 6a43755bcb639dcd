"""What the tests of the fal adapter share: a fake fal whose jobs end at once, an adapter for it, and orders."""

from __future__ import annotations

import io
import os
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from app.domain.catalogue import Mode, Wire
from app.providers.base import Order
from app.providers.fal.adapter import FalProvider
from tests.upstreams.fal import KEY, FakeFal, Settings
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.upstreams.ledger import Ledger

GROK = "xai/grok-imagine-video"
T2V = f"{GROK}/text-to-video"
ORDER = Order(
    submission_id="sub_1",
    output_id="out_1",
    model="grok-imagine-video",
    mode=Mode.TEXT,
    endpoint=T2V,
    prompt="a calm sea",
    ratio="16:9",
    resolution="480p",
    seconds=2,
    seed=7,
    images=(),
    video=None,
    extra={},
    wire=Wire(),
)


@dataclass
class Bench:
    """A running fake and its address."""

    fake: FakeFal
    url: str

    @property
    def ledger(self) -> Ledger:
        return self.fake.ledger

    def fresh(self) -> Bench:
        """Forget what the last test did."""
        self.ledger.clear()
        self.fake.rules.clear()
        return self

    @asynccontextmanager
    async def provider(self, **changes: Any) -> AsyncIterator[FalProvider]:
        """Make an adapter; afterwards, no key may have gone where none belongs."""
        urls = {"queue_url": self.url, "rest_url": self.url, "api_url": f"{self.url}/"}
        fal = FalProvider(changes.pop("key", KEY), **{**urls, **changes})
        try:
            yield fal
        finally:
            await fal.close()
        assert self.ledger.leaks == []


@contextmanager
def serve() -> Iterator[Bench]:
    """Serve a fake whose jobs end as soon as they are asked for."""
    fake = FakeFal(Settings(queue=0, run=0, callback_backoff=0.01))
    with run(fake.app) as url:
        yield Bench(fake, url)


def order(**changes: Any) -> Order:
    """Make an order."""
    return replace(ORDER, **changes)


def picture(width: int = 16, height: int = 16, *, noise: bool = False) -> bytes:
    """Make a PNG; noise does not compress."""
    file = io.BytesIO()
    pixels = os.urandom(width * height * 3) if noise else bytes(width * height * 3)
    Image.frombytes("RGB", (width, height), pixels).save(file, "PNG")
    return file.getvalue()


def entry(kind: str, message: str = "no", *place: str, **more: Any) -> dict[str, Any]:
    """Make one entry of a `detail` list."""
    return {"loc": ["body", *place], "msg": message, "type": kind, **more}


def listed(kind: str) -> dict[str, Any]:
    """Make a model error of one entry."""
    return {"detail": [entry(kind, "no", "prompt")]}


def request_error(kind: str) -> dict[str, Any]:
    """Make a request error."""
    return {"detail": "no", "error_type": kind}
