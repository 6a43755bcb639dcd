"""What keys may spend and have spent, in micro-dollars."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db.tables.base import Base


class BudgetRow(Base):
    """What a key may spend and has spent, in one row, so that one statement can check and count.

    `spent` is the sum of the owner's ledger; what was spent in this period is `spent - base`, since `period_start`.
    `reserved` and `in_flight` are the sums over its outputs. `requests` were made in minute number `minute`. A limit
    that is null does not limit.
    """

    __tablename__ = "budgets"

    owner: Mapped[str] = mapped_column(primary_key=True)
    budget: Mapped[int | None] = mapped_column(BigInteger)
    period: Mapped[str] = mapped_column(server_default="total")
    period_start: Mapped[float] = mapped_column(server_default="0")
    base: Mapped[int] = mapped_column(BigInteger, server_default="0")
    spent: Mapped[int] = mapped_column(BigInteger, server_default="0")
    reserved: Mapped[int] = mapped_column(BigInteger, server_default="0")
    max_concurrent: Mapped[int | None]
    in_flight: Mapped[int] = mapped_column(server_default="0")
    requests_per_minute: Mapped[int | None]
    minute: Mapped[int] = mapped_column(server_default="0")
    requests: Mapped[int] = mapped_column(server_default="0")


class LedgerRow(Base):
    """What an output cost its owner: added once it is known, never changed. `day` counts days of UTC since 1970.

    `outcome` is completed or failed; `seconds` is the length of what was made.
    """

    __tablename__ = "ledger"
    __table_args__ = (Index(None, "owner", "at"), Index(None, "at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    at: Mapped[float]
    day: Mapped[int]
    video_id: Mapped[str]
    output_id: Mapped[str]
    provider: Mapped[str]
    model: Mapped[str]
    outcome: Mapped[str]
    seconds: Mapped[float]
    amount: Mapped[int] = mapped_column(BigInteger)
