"""The delivery lane: each due event is signed and posted once, and how that went decides when it is due again."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from app import tracing
from app.db import deliveries, webhooks
from app.db.deliveries import DELIVERED, FAILED, PENDING, Ended
from app.domain.webhooks import GONE, HISTORY_LIMIT, pause_after
from app.media.errors import Busy
from app.metrics import WEBHOOK_SECONDS
from app.services.inputs import BUSY_SECONDS
from app.services.signing import owners_secrets, signed_headers

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.deliveries import Delivery
    from app.db.leases import Claim
    from app.db.tables import EventRow
    from app.domain.jobs import Origin
    from app.domain.plain import Json
    from app.services.context import Context
    from app.services.posting import Posted

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Delivering:
    """Delivers events."""

    context: Context

    async def claim(self, session: AsyncSession, claim: Claim) -> list[Delivery]:
        """Take due deliveries; two replicas that count a receiver's at the same time would both find room."""
        await self.context.database.hold(session, "deliveries")
        return await deliveries.claim(session, claim)

    async def deliver(self, delivery: Delivery) -> None:
        """Make one attempt and write down how it went."""
        row, endpoint = delivery.row, delivery.endpoint
        if row.endpoint_id is not None and (endpoint is None or endpoint.disabled_at is not None):
            await self._note(delivery, Ended(FAILED, None, row.failures, row.history))
            return
        body = self._body(delivery.event)
        at = self.context.clock()
        headers = signed_headers(await self._signers(delivery, at), delivery.event.id, at, body)
        try:
            posted = await self.context.poster.post(row.url, headers | _origin(delivery.origin), body.encode())
        except Busy:  # nothing was tried, and so the receiver has not failed
            again = Ended(PENDING, self.context.clock() + BUSY_SECONDS, row.failures, row.history)
            await self._note(delivery, again)
            return
        ended = self._ended(delivery, posted, entry(posted, at))
        result = "again" if ended.state == PENDING else ended.state
        WEBHOOK_SECONDS.labels(result).observe(posted.milliseconds / 1000)
        if await self._note(delivery, ended, posted):
            log.info(
                "webhook delivered" if posted.arrived else "webhook not delivered",
                type=delivery.event.type,
                status=posted.status,
                reason=posted.reason,
                milliseconds=posted.milliseconds,
                state=ended.state,
                **delivery.facts,
            )

    async def _signers(self, delivery: Delivery, now: float) -> list[str]:
        endpoint = delivery.endpoint
        if endpoint is None:
            return await owners_secrets(self.context.database, delivery.row.owner, now)
        old = endpoint.old_secret if now < (endpoint.old_secret_until or 0) else None
        return [endpoint.secret, *([old] if old else [])]

    def _body(self, event: EventRow) -> str:
        """Write the event as receivers see it; the link is signed anew, for it does not last three days."""
        base, url = self.context.public_url or event.base_url, None
        if event.output is not None and base is not None:
            url = f"{base}/v1/videos/{event.video_id}/content?{self.context.links.query(event.video_id, event.output)}"
        return event_body(event, url)

    def _ended(self, delivery: Delivery, posted: Posted, attempt: dict[str, Json]) -> Ended:
        history = [*delivery.row.history, attempt][-HISTORY_LIMIT:]
        if posted.arrived:
            return Ended(DELIVERED, None, 0, history)
        failures = delivery.row.failures + 1
        pause = pause_after(failures, posted.wish, random.random())  # noqa: S311 - spreads load, keeps no secret
        if pause is None or posted.status == GONE:
            return Ended(FAILED, None, failures, history)
        return Ended(PENDING, self.context.clock() + pause, failures, history)

    async def _note(self, delivery: Delivery, ended: Ended, posted: Posted | None = None) -> bool:
        endpoint_id = delivery.row.endpoint_id

        async def work(session: AsyncSession) -> tuple[bool, str | None]:
            if endpoint_id is not None:
                await webhooks.lock_endpoint(session, endpoint_id)
            ours = await deliveries.note(session, delivery, ended)
            if not ours or endpoint_id is None or posted is None:
                return ours, None
            if posted.arrived:
                await webhooks.succeeded(session, endpoint_id)
                return ours, None
            return ours, await webhooks.failed(session, endpoint_id, self.context.clock(), gone=posted.status == GONE)

        ours, disabled = await self.context.database.write(work)
        if disabled:
            log.warning("webhook endpoint disabled", endpoint=endpoint_id, owner=delivery.row.owner, reason=disabled)
        return ours


def event_body(event: EventRow, url: str | None) -> str:
    """Write an event down (API contract, section 6); `url` is the finished video's."""
    completed = event.error_code is None
    error = None if completed else {"code": event.error_code, "message": event.error_message or ""}
    data = {
        "id": event.video_id,
        "object": "video.generation",
        "model": event.model,
        "status": "completed" if completed else "failed",
        "output": {"url": url} if url else None,
        "error": error,
    }
    return json.dumps(
        {"id": event.id, "object": "event", "created_at": int(event.created_at), "type": event.type, "data": data}
    )


def _origin(origin: Origin) -> dict[str, str]:
    """Name the request that asked for the video; not signed, for no receiver needs it to be true."""
    named = {"x-request-id": origin.request_id, "traceparent": tracing.traceparent() or origin.traceparent}
    return {name: value for name, value in named.items() if value}


def entry(posted: Posted, at: float) -> dict[str, Json]:
    """Write one attempt down for the log."""
    return {
        "at": at,
        "status_code": posted.status,
        "milliseconds": posted.milliseconds,
        "error": posted.reason,
        "answer": posted.answer,
    }
