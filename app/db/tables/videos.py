"""Videos, their outputs, what was sent for them, and who asked twice."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, UniqueConstraint, false, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.tables.base import Base
from app.domain.plain import Json  # noqa: TC001 - SQLAlchemy reads the annotations when the classes are made

_ENDED = text("completed_at IS NOT NULL")
_UNANSWERED = text("phase = 'submitting'")
_FAILED_OVER = text("failed_at IS NOT NULL")
_DELETED = text("deleted_at IS NOT NULL")


class VideoRow(Base):
    """One create request. `order` is what the engine needs; `owner` scopes every query.

    `retried` says that an SDK's blind retry made it, before the first try had come this far. `base_url` is our address
    as the client knew it, for the links in its webhooks. `request_id` and `traceparent` name the request that made it.
    `prompt_folded` is the prompt as `db.search` looks through it.
    """

    __tablename__ = "videos"
    __table_args__ = (
        Index(None, "owner", "created_at", "id"),
        Index(None, "owner", "fingerprint", "created_at"),
        Index("ix_videos_by_time", text("(created_at + 0)"), "id"),  # an expression: see BY_TIME
        Index(None, "deleted_at", sqlite_where=_DELETED, postgresql_where=_DELETED),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    model: Mapped[str]
    executed_model: Mapped[str]
    provider: Mapped[str]
    mode: Mapped[str]
    prompt: Mapped[str]
    prompt_folded: Mapped[str] = mapped_column(server_default="", deferred=True)
    n: Mapped[int]
    size: Mapped[str]
    seconds: Mapped[str]
    status: Mapped[str]
    progress: Mapped[int]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    remixed_from: Mapped[str | None]
    cost_estimate: Mapped[int | None]
    pairs: Mapped[dict[str, str]] = mapped_column(JSON)
    warnings: Mapped[list[dict[str, Json]]] = mapped_column(JSON)
    order: Mapped[dict[str, Json]] = mapped_column(JSON)
    user: Mapped[str | None]
    fingerprint: Mapped[str]
    retried: Mapped[bool] = mapped_column(server_default=false())
    webhook_url: Mapped[str | None]
    base_url: Mapped[str | None]
    request_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    created_at: Mapped[float]
    completed_at: Mapped[float | None]
    expires_at: Mapped[float | None]
    deleted_at: Mapped[float | None]


# The order of everybody's videos. An expression has an index of its own, which no planner takes for the videos of one
# owner: that may have made none for years, and the walk would be a long one.
BY_TIME: ColumnElement[float] = VideoRow.created_at + literal_column("0")


class OutputRow(Base):
    """One of a video's n results: the unit of work, and the queue itself.

    A row is due when `run_at` has come and no lease holds it; `fence` rises with every claim.
    `owner` is the video's, so that whoever claims need not look there.
    `cleanup` asks the cleanup lane to end whatever is left of it upstream, in scratch space or in storage.
    `estimate` is the most it was expected to cost; `reserved` is held of its owner's budget and `booked` is in the
    ledger, by `db.settlement`, which also keeps `in_flight`.
    """

    __tablename__ = "outputs"
    __table_args__ = (
        UniqueConstraint("video_id", "index"),
        Index(None, "state", "run_at"),
        Index(None, "cleanup", "run_at"),
        Index(
            "ix_outputs_ended",
            *("completed_at", "provider", "state", "error_code", "started_at"),
            sqlite_where=_ENDED,
            postgresql_where=_ENDED,
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    video_id: Mapped[str] = mapped_column(ForeignKey("videos.id"))
    owner: Mapped[str] = mapped_column(server_default="")
    index: Mapped[int]
    state: Mapped[str]
    progress: Mapped[int]
    run_at: Mapped[float | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[float | None]
    fence: Mapped[int]
    attempts: Mapped[int]
    deadline: Mapped[float]
    provider: Mapped[str]
    offer: Mapped[int] = mapped_column(server_default="0")
    history: Mapped[list[dict[str, Json]]] = mapped_column(JSON, server_default="[]")
    started_at: Mapped[float | None]
    operation: Mapped[dict[str, Json] | None] = mapped_column(JSON(none_as_null=True))
    result: Mapped[dict[str, Json] | None] = mapped_column(JSON(none_as_null=True))
    cost: Mapped[int | None]
    estimate: Mapped[int | None] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger, server_default="0")
    booked: Mapped[int] = mapped_column(BigInteger, server_default="0")
    in_flight: Mapped[bool] = mapped_column(server_default=false())
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    cleanup: Mapped[bool]
    completed_at: Mapped[float | None]
    media_key: Mapped[str | None]
    content_type: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration: Mapped[float | None]
    fps: Mapped[float | None]
    num_frames: Mapped[int | None]


class SubmissionRow(Base):
    """One paid request to a provider, written before the bytes leave.

    `phase`: submitting; accepted, refused, unsent (it never left) or resent (its fate is unknown, and another was sent
    in its place); or what an operator said of one that stayed unknown: charged (`cost` is how much) or not_charged.
    `failed_at` and `failure` are of an accepted one at which the provider failed, so that another one was tried.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("output_id", "attempt"),
        Index("ix_submissions_sent", "intent_at", "id", "provider", "phase"),
        Index(
            "ix_submissions_unanswered",
            *("intent_at", "id"),
            sqlite_where=_UNANSWERED,
            postgresql_where=_UNANSWERED,
        ),
        Index(
            "ix_submissions_failed",
            *("failed_at", "provider", "failure"),
            sqlite_where=_FAILED_OVER,
            postgresql_where=_FAILED_OVER,
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    output_id: Mapped[str] = mapped_column(ForeignKey("outputs.id"))
    attempt: Mapped[int]
    provider: Mapped[str]
    endpoint: Mapped[str] = mapped_column(server_default="")
    phase: Mapped[str]
    operation: Mapped[dict[str, Json] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[str | None]
    cost: Mapped[int | None]
    intent_at: Mapped[float]
    answered_at: Mapped[float | None]
    failed_at: Mapped[float | None]
    failure: Mapped[str | None]


class IdempotencyRow(Base):
    """A client's Idempotency-Key and the video it made."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    video_id: Mapped[str]
    created_at: Mapped[float]
