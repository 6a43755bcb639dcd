"""A provider whose requests are answered when a test says so, and whose ledger says what was really paid."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Indeterminate, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.domain.jobs import Operation
    from app.providers.base import Order, Sent

PRICE = 5  # micro-dollars of every job that ends well


@dataclass
class Request:
    """One submit that has arrived. `taken` says whether it is paid for (None: not decided)."""

    submission: str
    output: str
    answer: asyncio.Future[None]
    sender: asyncio.Task[None] | None
    taken: bool | None = None

    @property
    def operation(self) -> Operation:
        """Return the handle of the job that it made."""
        return {"id": f"up-{self.submission}"}


@dataclass
class LedgerProvider:
    """Lists its jobs (completely or not), cancels in time or not, calls back, and is honest about all of it."""

    result: Path
    lists_all: bool
    finds: bool
    cancels: bool
    name: str = "fal"
    title: str = "Ledger"
    by_likeness: bool = False
    requests: list[Request] = field(default_factory=list)
    next_poll: Pending | Succeeded | Failed | ProviderError | None = None

    @property
    def paid(self) -> list[Request]:
        """Return what was taken."""
        return [request for request in self.requests if request.taken]

    @property
    def waiting(self) -> list[Request]:
        """Return the requests whose senders have no answer yet."""
        return [request for request in self.requests if not request.answer.done()]

    async def submit(self, order: Order) -> Operation:
        """Wait for the test's decision."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = Request(order.submission_id, order.output_id, answer, asyncio.current_task())
        self.requests.append(request)
        await request.answer
        return request.operation

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        """Answer what was told, else that the job is done."""
        assert any(request.operation["id"] == operation["id"] for request in self.paid)
        answer, self.next_poll = self.next_poll, None
        if isinstance(answer, ProviderError):
            raise answer
        return answer or Succeeded(self.result, cost=PRICE)

    async def cancel(self, operation: Operation) -> bool:
        """Stop a job, if this provider can."""
        del operation
        return self.cancels

    async def find_submission(self, sent: Sent) -> Operation | None:
        """Look the submission up. Where the listing is complete, what has not been taken by now never will be."""
        if not self.finds:
            raise Indeterminate("the listing does not answer")
        for request in self.requests:
            if request.submission == sent.submission_id:
                request.taken = request.taken or (False if self.lists_all else request.taken)
                return request.operation if request.taken else None
        return None

    async def verify_callback(self, headers: Mapping[str, str], body: bytes) -> str:
        """Believe everything."""
        del headers
        return body.decode()

    def adopt(self, upstream_id: str, endpoint: str) -> Operation:
        """Make a handle of an id."""
        del endpoint
        return {"id": upstream_id}

    async def close(self) -> None:
        """Nothing is open."""
