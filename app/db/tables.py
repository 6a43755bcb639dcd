"""The tables. Times are unix seconds (float), money is integer micro-dollars, JSON columns hold plain data."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    MetaData,
    UniqueConstraint,
    false,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.domain.plain import Json  # noqa: TC001 - SQLAlchemy reads the annotations when the classes are made

_ENDED = text("completed_at IS NOT NULL")
_UNANSWERED = text("phase = 'submitting'")
_DELETED = text("deleted_at IS NOT NULL")


class Base(DeclarativeBase):
    """Common naming, so that migrations can name what they change."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ApiKeyRow(Base):
    """A key that may call the gateway; only its SHA-256 is kept, and for a while that of the one it replaced.

    `models` and `providers` are what it may use (null: all); its limits in numbers are its budget's.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    prefix: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    old_hash: Mapped[str | None] = mapped_column(unique=True)
    old_until: Mapped[float | None]
    models: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    providers: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    allow_unpriced: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[float]
    last_used_at: Mapped[float | None]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


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

    `phase`: submitting, accepted or refused; or what an operator said of one that stayed unknown: charged (`cost` is
    how much) or not_charged.
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


class SecretRow(Base):
    """A secret of the gateway itself, in hexadecimal.

    One that replaces others is used from `good_from` on, and they are accepted until their `good_until`; its name is
    theirs with a slash and a number behind it.
    """

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    good_from: Mapped[float] = mapped_column(server_default="0")
    good_until: Mapped[float | None]


class IdempotencyRow(Base):
    """A client's Idempotency-Key and the video it made."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    video_id: Mapped[str]
    created_at: Mapped[float]


class FileRow(Base):
    """A file uploaded through /files."""

    __tablename__ = "files"
    __table_args__ = (Index(None, "owner", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    filename: Mapped[str]
    purpose: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    media_key: Mapped[str]
    created_at: Mapped[float]


class CharacterRow(Base):
    """A named subject, kept as one reference frame of the video it came from."""

    __tablename__ = "characters"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    media_key: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[float]


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


class WebSessionRow(Base):
    """A browser that is signed in, by a hash of its cookie.

    `sealed` is the SHA-256 of its API key under a pad that only the cookie gives: see `services.sessions`.
    """

    __tablename__ = "web_sessions"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[str]
    expires_at: Mapped[float]
