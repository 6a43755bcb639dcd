"""Prompts are searched by a folded copy, and everybody's videos are listed, newest first, from an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.db.search import folded

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CHUNK = 500  # prompts that are folded at a time


def upgrade() -> None:
    """Add what is new."""
    op.add_column("videos", sa.Column("prompt_folded", sa.String(), server_default="", nullable=False))
    _fold()
    op.create_index("ix_videos_by_time", "videos", [sa.text("(created_at + 0)"), "id"])
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        op.f("ix_videos_deleted_at"), "videos", ["deleted_at"], sqlite_where=deleted, postgresql_where=deleted
    )


def _fold() -> None:
    videos = sa.table("videos", sa.column("id"), sa.column("prompt"), sa.column("prompt_folded"))
    connection, last = op.get_bind(), ""
    page = sa.select(videos.c.id, videos.c.prompt).order_by(videos.c.id).limit(_CHUNK)
    change = sa.update(videos).where(videos.c.id == sa.bindparam("of")).values(prompt_folded=sa.bindparam("text"))
    while rows := connection.execute(page.where(videos.c.id > last)).all():
        connection.execute(change, [{"of": row.id, "text": folded(row.prompt)} for row in rows])
        last = rows[-1].id
