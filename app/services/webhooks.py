"""Webhooks, for their receivers' owners: endpoints, their secrets, what was sent to them, and sending it again."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.db import deliveries, webhooks
from app.db.tables import EndpointRow, EventRow
from app.domain.errors import GatewayError, invalid
from app.domain.webhooks import COMPLETED
from app.media.errors import Busy, MediaError
from app.media.shares import work_for
from app.services.audit import audit
from app.services.delivering import event_body
from app.services.inputs import BUSY_SECONDS
from app.services.signing import new_secret, owners_secrets, rotate_owners_secret, signed_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.deliveries import Delivery, Page
    from app.db.session import Database
    from app.services.posting import Poster

_MOST_ENDPOINTS = 20  # of one owner: every end of a video is sent to all of them
_GRACE_SECONDS = 24 * 3600.0  # for which an old secret may go on signing


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed of an endpoint; None leaves it as it is. `enabled` False gives up what is on its way."""

    name: str | None = None
    url: str | None = None
    event_types: list[str] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What clients do with webhooks. Every method takes the owner whose things it may touch."""

    database: Database
    poster: Poster
    clock: Callable[[], float]

    async def check(self, owner: str, url: str, param: str) -> None:
        """Say whether webhooks may go there. Raises GatewayError url_not_allowed."""
        try:
            with work_for(owner):
                await self.poster.check(url)
        except MediaError as error:
            raise GatewayError(error.code, f"{param}: {error.message}", param=param) from error

    async def secret(self, owner: str) -> str:
        """Return the secret that signs what goes to the `webhook_url` of a request."""
        return (await owners_secrets(self.database, owner, self.clock()))[0]

    async def rotate_secret(self, owner: str, *, keep_old: bool) -> str:
        """Replace that secret and return the new one; the old one may go on signing for a day."""
        grace = _GRACE_SECONDS if keep_old else 0.0
        await rotate_owners_secret(self.database, owner, self.clock(), grace)
        audit("webhook_secret.rotate", who=owner, target=owner, keeps_old=keep_old)
        return await self.secret(owner)

    async def create(self, owner: str, name: str, url: str, event_types: list[str]) -> EndpointRow:
        """Make an endpoint; its secret is in the row, to be shown this once. Raises GatewayError."""
        await self.check(owner, url, "url")
        now = self.clock()
        row = EndpointRow(
            id=f"we_{secrets.token_hex(12)}",
            owner=owner,
            name=name,
            url=url,
            event_types=event_types,
            secret=new_secret(),
            created_at=now,
            updated_at=now,
        )

        async def work(session: AsyncSession) -> None:
            await self.database.hold(session, f"webhook-endpoints:{owner}")
            if await webhooks.count_endpoints(session, owner) >= _MOST_ENDPOINTS:
                raise invalid("url", f"You have {_MOST_ENDPOINTS} endpoints already; delete one first.")
            await webhooks.add_endpoint(session, row)

        await self.database.write(work)
        audit("webhook_endpoint.create", who=owner, target=row.id)
        return row

    async def get(self, owner: str, endpoint_id: str) -> EndpointRow:
        """Return one endpoint. Raises GatewayError not_found, for other owners' too."""
        async with self.database.read() as session:
            return await _find(session, owner, endpoint_id)

    async def list_page(self, owner: str, after: str | None, limit: int) -> tuple[Sequence[EndpointRow], bool]:
        """Return a page of endpoints and whether more follow."""
        async with self.database.read() as session:
            return await webhooks.list_endpoints(session, owner, after, limit)

    async def update(self, owner: str, endpoint_id: str, changes: Changes) -> EndpointRow:
        """Change an endpoint; another URL counts for what is on its way, too. Raises GatewayError."""
        await self.get(owner, endpoint_id)
        if changes.url is not None:
            await self.check(owner, changes.url, "url")

        async def work(session: AsyncSession) -> None:
            await self.database.hold(session, "deliveries")  # none are claimed meanwhile, in another order
            await webhooks.lock_endpoint(session, endpoint_id)
            row = await _find(session, owner, endpoint_id)
            asked = (changes.name or row.name, changes.url or row.url, changes.event_types or row.event_types)
            if changes.enabled is True and row.disabled_at is not None:
                row.disabled_at, row.disabled_reason, row.failing_since, row.failed_at = None, None, None, None
            elif changes.enabled is False and row.disabled_at is None:
                await webhooks.disable(session, row, self.clock(), "It was disabled by hand.")
            elif asked == (row.name, row.url, row.event_types):
                return
            row.name, _, row.event_types = asked
            if asked[1] != row.url:
                await webhooks.move(session, row, asked[1])
            row.updated_at = self.clock()
            await session.flush()

        await self.database.write(work)
        given = [name for name, value in asdict(changes).items() if value is not None]
        audit("webhook_endpoint.update", who=owner, target=endpoint_id, changed=given)
        return await self.get(owner, endpoint_id)

    async def delete(self, owner: str, endpoint_id: str) -> None:
        """Forget an endpoint, and what it was sent. Raises GatewayError not_found."""
        await self.get(owner, endpoint_id)
        await self.database.write(partial(webhooks.remove_endpoint, endpoint_id=endpoint_id))
        audit("webhook_endpoint.delete", who=owner, target=endpoint_id)

    async def rotate(self, owner: str, endpoint_id: str, *, keep_old: bool) -> EndpointRow:
        """Give an endpoint a new secret; the old one may go on signing for a day. Raises GatewayError not_found."""

        async def work(session: AsyncSession) -> None:
            await webhooks.lock_endpoint(session, endpoint_id)
            row = await _find(session, owner, endpoint_id)
            now = self.clock()
            row.old_secret = row.secret if keep_old else None
            row.old_secret_until = now + _GRACE_SECONDS if keep_old else None
            row.secret, row.updated_at = new_secret(), now
            await session.flush()

        await self.database.write(work)
        audit("webhook_endpoint.rotate_secret", who=owner, target=endpoint_id, keeps_old=keep_old)
        return await self.get(owner, endpoint_id)

    async def test(self, owner: str, endpoint_id: str, event_type: str) -> int:
        """Send a made-up event at once and return the status of the answer. Raises GatewayError."""
        endpoint, now = await self.get(owner, endpoint_id), self.clock()
        failed = event_type != COMPLETED
        code = event_type.rpartition(".")[2] if failed else None
        event = EventRow(
            id=f"evt_test_{secrets.token_hex(12)}",
            video_id="video_test",
            type=event_type,
            model="test",
            error_code="provider_error" if code == "failed" else code,
            error_message="This is a test." if failed else None,
            created_at=now,
        )
        body = event_body(event, None)
        headers = signed_headers([endpoint.secret], event.id, now, body)
        try:
            with work_for(owner):
                posted = await self.poster.post(endpoint.url, headers, body.encode())
        except Busy as error:
            raise GatewayError("overloaded", error.message, retry_after=BUSY_SECONDS) from error
        if posted.status is None:
            raise invalid("webhook_endpoint_id", f"The test did not arrive: {posted.reason}")
        return posted.status

    async def deliveries(self, owner: str, page: Page) -> tuple[list[Delivery], bool]:
        """Return a page of what was sent and whether more follows. Raises GatewayError not_found for the endpoint."""
        async with self.database.read() as session:
            if page.endpoint_id is not None:
                await _find(session, owner, page.endpoint_id)
            return await deliveries.list_page(session, owner, page)

    async def resend(self, owner: str, delivery_id: str) -> Delivery:
        """Send an event again, now, under its old id and from the schedule's beginning. Raises GatewayError.

        One that is being sent at this very moment is only shown.
        """

        async def work(session: AsyncSession) -> Delivery:
            found = await deliveries.get(session, owner, delivery_id)
            if found is None:
                raise GatewayError("not_found", f"Delivery {delivery_id[:80]!r} not found.", param="delivery_id")
            if found.endpoint is not None and found.endpoint.disabled_at is not None:
                raise invalid("delivery_id", "Its endpoint is disabled; enable it first.")
            await deliveries.send_off(session, delivery_id, self.clock())
            again = await deliveries.get(session, owner, delivery_id)
            return again or found

        return await self.database.write(work, news="work")


async def _find(session: AsyncSession, owner: str, endpoint_id: str) -> EndpointRow:
    row = await webhooks.get_endpoint(session, owner, endpoint_id)
    if row is None:
        message = f"Webhook endpoint {endpoint_id[:80]!r} not found."
        raise GatewayError("not_found", message, param="webhook_endpoint_id")
    return row
