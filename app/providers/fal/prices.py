"""fal's own unit prices: GET /v1/models/pricing (docs.fal.ai/docs/documentation/platform-apis), asked with the key.

A job costs its billable units times the unit price of its endpoint.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.providers.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.domain.plain import Json
    from app.providers.http import Http, Reply

_LIFETIME = 24 * 3600.0  # seconds
_DEAREST = 1e6  # dollars; what is above is no price, nor are Infinity and NaN
_PATIENCE = 10.0  # seconds; a finished video does not wait longer for its price


class Prices:
    """Unit prices by endpoint, kept for a day; `known` is what to take where fal does not tell."""

    def __init__(self, http: Http, api_url: str, known: Mapping[str, float], clock: Callable[[], float]) -> None:
        self._http, self._api, self._known, self._clock = http, api_url, known, clock
        self._kept: dict[str, tuple[float, float]] = {}  # endpoint: price, until when

    async def ask(self, endpoint: str) -> Reply:
        """Ask fal for the price of an endpoint; costs nothing."""
        return await self._http.send("GET", f"{self._api}/v1/models/pricing?endpoint_id={quote(endpoint, safe='')}")

    async def unit_price(self, endpoint: str) -> float | None:
        """Return the dollars of one billable unit, None where no one knows. Never raises."""
        price, until = self._kept.get(endpoint, (None, 0.0))
        if price is not None and self._clock() < until:
            return price
        try:
            async with asyncio.timeout(_PATIENCE):
                fresh = read_price((await self.ask(endpoint)).body, endpoint)
        except (ProviderError, TimeoutError):
            fresh = None
        if fresh is None:
            return self._known.get(endpoint)
        self._kept[endpoint] = fresh, self._clock() + _LIFETIME
        return fresh


def read_price(body: Json, endpoint: str) -> float | None:
    """Find the price of an endpoint in dollars."""
    prices = body.get("prices") if isinstance(body, dict) else None
    for row in prices if isinstance(prices, list) else []:
        if isinstance(row, dict) and row.get("endpoint_id") == endpoint and row.get("currency", "USD") == "USD":
            price = row.get("unit_price")
            return price if isinstance(price, int | float) and 0 <= price < _DEAREST else None
    return None
