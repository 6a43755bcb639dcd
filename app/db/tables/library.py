"""What was uploaded to be used in videos."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db.tables.base import Base


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
