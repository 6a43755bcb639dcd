"""fal.ai: the queue, by our own HTTP (https://docs.fal.ai/docs/api-reference/inference-api).

    POST {queue}/{endpoint id}?fal_webhook=…       the model's input as it is → request id and three URLs
    GET  {queue}/{owner}/{app}/requests/{id}/status    202 while it lasts, 200 at the end
    GET  {queue}/{owner}/{app}/requests/{id}           the result, or the failed model's own 4xx or 5xx
    PUT  {queue}/{owner}/{app}/requests/{id}/cancel

`Authorization: Key <id>:<secret>`. fal has no idempotency header and its clients retry submits blindly, so a submit is
sent once. Its parts: addresses (URLs), errors (what an error means), results (status, result, cost), doubts (what is
asked again), prices (unit prices), storage (inputs), callbacks (webhooks), lookup (submits whose answer was lost).
"""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.domain.told import is_told
from app.providers.errors import Indeterminate, Unsent
from app.providers.fal.addresses import BACKUPS, operation_of, submit_url, url_of, with_query
from app.providers.fal.callbacks import Callbacks
from app.providers.fal.doubts import Doubts, Unsure
from app.providers.fal.errors import read_error, refusal, trouble
from app.providers.fal.lookup import Lookup
from app.providers.fal.prices import Prices
from app.providers.fal.results import Completed, billable_units, read_result, read_status, video_url
from app.providers.fal.storage import Storage
from app.providers.http import Http
from app.providers.payload import build_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.domain.jobs import Operation
    from app.domain.plain import Json
    from app.providers.base import Failed, Input, Order, Pending, Placed, Sent, Succeeded
    from app.providers.fal.errors import Complaint
    from app.providers.http import Reply

_NO_PRICES: Mapping[str, float] = MappingProxyType({})
_CHECKED = "xai/grok-imagine-video/text-to-video"  # whose price `check` asks for
_ENDED = frozenset({400, 404})  # cancel: ALREADY_COMPLETED, NOT_FOUND


class FalProvider:
    """fal.ai with one key; `unit_prices` are dollars per billable unit, for when fal does not tell its own."""

    name = "fal"
    title = "fal.ai"
    lists_all = False
    by_likeness = True

    def __init__(
        self,
        key: str,
        *,
        queue_url: str = "https://queue.fal.run",
        rest_url: str = "https://rest.fal.ai",
        api_url: str = "https://api.fal.ai",
        unit_prices: Mapping[str, float] = _NO_PRICES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue, rest, api = (url.rstrip("/") for url in (queue_url, rest_url, api_url))
        self._backup = BACKUPS.get(self._queue)
        backups = (self._backup,) if self._backup else ()
        self._http = Http((self._queue, rest, api, *backups), {"authorization": f"Key {key}"})
        self._clock = clock
        self._doubts = Doubts(clock)
        self._lookup = Lookup(self._http, api, clock)
        self._prices = Prices(self._http, api, unit_prices, clock)
        self._storage = Storage(self._http, rest)
        self._callbacks = Callbacks(self._http, rest, clock)

    def build(self, order: Order) -> Json:
        """Return the model's input."""
        return build_payload(order)

    async def submit(self, order: Order) -> Operation:
        """Send the order once; the URLs of the answer are the handle."""
        url = submit_url(self._queue, order.endpoint, order.callback_url)
        reply = await self._ask("POST", url, json_body=self.build(order), paid=True)
        if not reply.ok:
            raise refusal(reply)
        upstream_id = reply.entry("request_id")
        if not isinstance(reply.body, dict) or not isinstance(upstream_id, str) or not upstream_id:
            raise Indeterminate(f"fal.ai accepted, but its answer cannot be read: {reply.text}")
        return self._begun(operation_of(self._queue, upstream_id, order.endpoint, reply.body))

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        """Ask for the status, and for the result once there is one; at once for that of a job we were told of."""
        upstream_id, since = str(operation["id"]), operation.get("since")
        answer = await self._state(operation)
        if isinstance(answer, Unsure):
            return self._doubts.settle(upstream_id, answer, since if isinstance(since, int | float) else 0.0)
        self._doubts.forget(upstream_id)
        return answer

    async def _state(self, operation: Operation) -> Pending | Succeeded | Failed | Unsure:
        reply = await self._result(operation) if is_told(operation) else None
        if reply is not None and reply.ok and video_url(reply.body):
            return await self._read(operation, reply)
        status = read_status(await self._ask("GET", with_query(self._url(operation, "status_url"), "logs=0")))
        if not isinstance(status, Completed):
            return status
        # What is no film is understood only beside its status, whichever of the two was asked for first.
        return await self._read(operation, reply or await self._result(operation), status.error)

    async def _result(self, operation: Operation) -> Reply:
        return await self._ask("GET", self._url(operation, "response_url"))

    async def _read(
        self, operation: Operation, reply: Reply, told: Complaint | None = None
    ) -> Pending | Succeeded | Failed | Unsure:
        price = await self._prices.unit_price(str(operation["endpoint"])) if billable_units(reply) else None
        return read_result(reply, told, price)

    async def cancel(self, operation: Operation) -> None:
        """Ask fal to stop: a waiting request is removed, a running one gets a signal and may still complete."""
        reply = await self._ask("PUT", self._url(operation, "cancel_url"), content=b"")
        if not reply.ok and not (reply.status in _ENDED and read_error(reply)):
            raise trouble(reply, "a cancel")

    async def place_input(self, item: Input) -> Placed:
        """Return an address fal can read, uploading the file where it has none."""
        return await self._storage.place(item)

    async def verify_callback(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the request id of a genuine callback."""
        return await self._callbacks.verify(headers, body)

    def adopt(self, upstream_id: str, endpoint: str) -> Operation:
        """Return the handle of a request known by its id alone."""
        return self._begun(operation_of(self._queue, upstream_id, endpoint, {}))

    async def find_submission(self, sent: Sent) -> Operation | None:
        """Look for the request among those of its endpoint that say the same."""
        upstream_id = await self._lookup.find(sent)
        return self.adopt(upstream_id, sent.endpoint) if upstream_id else None

    async def check(self) -> str:
        """Ask for a price, which needs the key and costs nothing."""
        reply = await self._prices.ask(_CHECKED)
        if not reply.ok:
            raise trouble(reply, "the question for a price")
        return "key accepted"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _begun(self, operation: Operation) -> Operation:
        """Note when we heard of a job first: it is no younger."""
        return {**operation, "since": self._clock()}

    def _url(self, operation: Operation, name: str) -> str:
        return url_of(self._queue, operation, name)

    async def _ask(
        self, method: str, url: str, *, json_body: Json = None, content: bytes | None = None, paid: bool = False
    ) -> Reply:
        """Ask the queue; its backup host where no connection could be made, so that nothing was sent."""
        try:
            return await self._http.send(method, url, json_body=json_body, content=content, paid=paid)
        except Unsent:
            if self._backup is None:
                raise
        other = self._backup + url[len(self._queue) :]
        return await self._http.send(method, other, json_body=json_body, content=content, paid=paid)
