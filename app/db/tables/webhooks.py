"""Who is told what, and how that goes."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.tables.base import Base
from app.domain.plain import Json  # noqa: TC001 - SQLAlchemy reads the annotations when the classes are made


class EndpointRow(Base):
    """A receiver of webhooks. `old_secret` signs beside the new one until `old_secret_until`.

    `failing_since` and `failed_at` bound a series of nothing but failures; a disabled one is told nothing.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index(None, "owner", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    url: Mapped[str]
    event_types: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[float | None]
    failing_since: Mapped[float | None]
    failed_at: Mapped[float | None]
    disabled_at: Mapped[float | None]
    disabled_reason: Mapped[str | None]
    created_at: Mapped[float]
    updated_at: Mapped[float]


class EventRow(Base):
    """That a video has ended, and how: written by the transaction that ends it, once per video and type.

    `output` is the index of the output whose link is sent.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (UniqueConstraint("video_id", "type"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    video_id: Mapped[str] = mapped_column(ForeignKey("videos.id"))
    type: Mapped[str]
    model: Mapped[str]
    output: Mapped[int | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    base_url: Mapped[str | None]
    request_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    created_at: Mapped[float]


class DeliveryRow(Base):
    """An event on its way to one receiver, and the queue itself, as the outputs are: see `OutputRow`.

    `state` is pending, delivered or failed. `endpoint_id` is None for a video's own webhook_url, and may name one that
    was just deleted: a video must end all the same. `target` tells receivers apart, so that each is sent only so much
    at a time. `failures` counts those since the event was last sent off.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "state", "run_at"),
        Index(None, "endpoint_id", "created_at", "id"),
        Index(None, "owner", "created_at", "id"),
        Index(None, "event_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    event_id: Mapped[str] = mapped_column(ForeignKey("webhook_events.id"))
    endpoint_id: Mapped[str | None]
    target: Mapped[str]
    url: Mapped[str]
    state: Mapped[str]
    run_at: Mapped[float | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[float | None]
    fence: Mapped[int]
    failures: Mapped[int]
    history: Mapped[list[dict[str, Json]]] = mapped_column(JSON)
    created_at: Mapped[float]
