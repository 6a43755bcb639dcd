"""Outputs know whose they are, so that one owner's many hold up nobody else's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    with op.batch_alter_table("outputs") as batch:
        batch.add_column(sa.Column("owner", sa.String(), server_default="", nullable=False))
    op.execute("UPDATE outputs SET owner = (SELECT videos.owner FROM videos WHERE videos.id = outputs.video_id)")
