"""What operators say of submissions of unknown fate, and an index by which submissions are listed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    with op.batch_alter_table("submissions") as batch:
        batch.add_column(sa.Column("cost", sa.Integer(), nullable=True))
        batch.create_index(op.f("ix_submissions_intent_at_id"), ["intent_at", "id"])
