"""Who may call: API keys, what signs for them, and browsers that were let in."""

from __future__ import annotations

from sqlalchemy import JSON, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from app.db.tables.base import Base


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


class WebSessionRow(Base):
    """A browser that is signed in, by a hash of its cookie.

    `sealed` is the SHA-256 of its API key under a pad that only the cookie gives: see `services.sessions`.
    """

    __tablename__ = "web_sessions"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[str]
    expires_at: Mapped[float]
