"""Callbacks: a provider says that a job has ended. A hint only: it is verified, and then the result is asked for.

A genuine callback about a submission whose answer was lost is more than a hint: it proves that the job was accepted,
and names it, so the submission is adopted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from app.db import submissions
from app.domain.errors import GatewayError
from app.domain.jobs import State
from app.providers.base import TakesCallbacks
from app.providers.errors import ProviderError, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.providers.base import Provider

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Takes callbacks."""

    database: Database
    providers: Mapping[str, Provider]
    clock: Callable[[], float]

    async def take(self, provider_name: str, submission_id: str, headers: Mapping[str, str], body: bytes) -> None:
        """Act on one callback. Raises GatewayError: not_found, or permission_denied for one that is not genuine."""
        provider = self.providers.get(provider_name)
        if provider is None or not isinstance(provider, TakesCallbacks):
            raise GatewayError("not_found", "No such callback.")
        try:
            upstream_id = await provider.verify_callback(headers, body)
        except Rejected as error:
            log.warning("callback refused", provider=provider_name, submission=submission_id[:80], reason=str(error))
            raise GatewayError("permission_denied", f"The callback is not genuine: {error}.") from error
        except ProviderError as error:  # its keys cannot be had just now: it must call again
            log.warning("callback not verified", provider=provider_name, reason=str(error))
            raise GatewayError("provider_unavailable", f"The callback cannot be verified now: {error}.") from error

        async def work(session: AsyncSession) -> str | None:
            found = await submissions.destination(session, submission_id)
            if found is None or found.provider != provider_name:
                return None
            operation = provider.adopt(upstream_id, found.endpoint)
            return await submissions.accept(session, submission_id, operation, self.clock(), ended=True)

        moved = await self.database.write(work, news=State.RUNNING)  # whatever else it means is found in time
        if moved is None:
            raise GatewayError("not_found", "No such callback.")
        log.info("callback", provider=provider_name, submission=submission_id, upstream_id=upstream_id, effect=moved)
