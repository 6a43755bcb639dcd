"""Keys with limits on a bench, and their books: what is counted must be what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.db.tables import BudgetRow, LedgerRow, OutputRow, VideoRow
from app.domain import offers
from app.domain.jobs import LIVE
from app.domain.limits import Limits
from app.services.accounts import Accounts, Caller
from app.services.budgets import Budgets
from tests.services.bench import request

if TYPE_CHECKING:
    from app.services.videos import Created
    from tests.services.bench import Bench

PRICE = 50_000  # micro-dollars: what fal charges for a second at 480p


@dataclass(frozen=True)
class Books:
    """What a key has spent, has reserved (micro-dollars) and has in flight."""

    spent: int
    reserved: int
    in_flight: int


@dataclass
class Holder:
    """The holder of a key."""

    bench: Bench
    key: str
    limits: Limits

    async def create(self, *, is_retry: bool = False, **fields: object) -> Created:
        """Create a video of a second: one PRICE for each output."""
        body = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p", **fields}
        return await self.bench.videos.create(
            self.key, request(**body), body, self.bench.folder, is_retry=is_retry, limits=self.limits
        )

    async def shortfall(self, created: Created) -> str | None:
        """Ask whether there is room for another like it."""
        orders = offers.load(created.video.row.order["offers"])
        budgets = Budgets(self.bench.database, self.bench.clock)
        return await budgets.shortfall(Caller(self.key, "member", self.limits), orders, 1)

    async def outputs(self, video_id: str) -> list[OutputRow]:
        return list((await self.bench.videos.get(self.key, video_id)).outputs)

    async def books(self) -> Books:
        """Return the books, once they agree with the ledger and the outputs."""
        async with self.bench.database.read() as session:
            row = await session.get_one(BudgetRow, self.key)
            booked = await session.scalar(select(func.sum(LedgerRow.amount)).where(LedgerRow.owner == self.key))
            mine = select(OutputRow).join(VideoRow, VideoRow.id == OutputRow.video_id).where(VideoRow.owner == self.key)
            outputs = (await session.scalars(mine)).all()
        assert row.spent == (booked or 0) == sum(output.booked for output in outputs)
        assert row.reserved == sum(output.reserved for output in outputs)
        assert row.in_flight == sum(output.state in LIVE for output in outputs)
        return Books(row.spent, row.reserved, row.in_flight)


async def holder(bench: Bench, limits: Limits | None = None) -> Holder:
    """Make a key, with a budget of ten prices unless told otherwise."""
    wanted = limits or Limits(budget=10 * PRICE)
    accounts = Accounts(bench.database, bench.clock, "an-admin-key-of-these-tests", required=True)
    key, _ = await accounts.create_key("a key", "member", wanted)
    assert key.limits == wanted
    return Holder(bench, key.id, wanted)
