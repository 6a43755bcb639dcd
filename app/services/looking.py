"""Looking for a submission whose answer was lost: whether it is listed, and surely nobody else's.

A listing that shows our own id is believed. One that only shows what was sent is believed where it can mean no other:
nobody else owns what was found, and no other submission of unknown fate says the same. That is checked after the
provider has answered: whatever it listed had its intent written here before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from app.db import owners
from app.providers.base import Sent
from app.providers.errors import ProviderError
from app.services.asking import asking

if TYPE_CHECKING:
    from app.domain.jobs import Operation
    from app.providers.base import Finds, Order
    from app.services.context import Context

_LONGEST_STALL = 3600.0  # seconds for which a process may have been stopped in the middle of sending

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Found:
    """What a look brought: the handle, or that the job was surely not accepted, or neither."""

    operation: Operation | None = None
    surely_not: bool = False


async def look_for(context: Context, name: str, provider: Finds, order: Order, sent_at: float) -> Found:
    """Ask the provider of this name once; where it cannot answer, nothing is learnt. `sent_at` is in unix seconds."""
    facts = {"provider": name, "output": order.output_id, "submission": order.submission_id}
    where = (order.submission_id, name, order.endpoint, sent_at - _LONGEST_STALL)
    async with context.database.read() as session:
        taken = await owners.taken(session, *where)
    try:
        with asking(name, "lookup"):
            operation = await provider.find_submission(Sent(order.submission_id, order.endpoint, sent_at, order, taken))
    except ProviderError as error:
        log.warning("lookup failed", reason=str(error), **facts)
        return Found()
    if operation is None:
        return Found(surely_not=provider.lists_all)
    if provider.by_likeness:
        async with context.database.read() as session:
            if await owners.may_be_anothers(session, *where, str(operation["id"]), order.prompt):
                log.warning("lookup found what may be another's", upstream=operation["id"], **facts)
                return Found()
    return Found(operation)
