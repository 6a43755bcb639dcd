"""What health is read from: ended outputs by provider, and the submissions that nobody has answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    ended, unanswered = sa.text("completed_at IS NOT NULL"), sa.text("phase = 'submitting'")
    op.create_index(
        "ix_outputs_ended",
        "outputs",
        ["completed_at", "provider", "state", "error_code", "started_at"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
    op.drop_index("ix_submissions_intent_at_id", "submissions")
    op.create_index("ix_submissions_sent", "submissions", ["intent_at", "id", "provider", "phase"])
    op.create_index(
        "ix_submissions_unanswered",
        "submissions",
        ["intent_at", "id"],
        sqlite_where=unanswered,
        postgresql_where=unanswered,
    )
