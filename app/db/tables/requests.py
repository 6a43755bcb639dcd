"""The request log."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db.tables.base import Base


class RequestRow(Base):
    """A request by a known key that makes or changes something, and how it was answered: written after the answer.

    `request_id` is the x-request-id, which a client may choose; `status` is the HTTP status. `model` is as requested.
    """

    __tablename__ = "request_log"
    __table_args__ = (
        Index(None, "owner", "at", "id"),
        Index(None, "at", "id"),
        Index(None, "request_id", "owner", "at"),
        Index(None, "video_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str]
    owner: Mapped[str]
    at: Mapped[float]
    method: Mapped[str]
    route: Mapped[str]
    status: Mapped[int]
    error_code: Mapped[str | None]
    duration_ms: Mapped[float]
    model: Mapped[str | None]
    video_id: Mapped[str | None]
