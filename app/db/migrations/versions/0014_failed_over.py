"""When and why a provider failed at what it had taken, where another one was tried then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    op.add_column("submissions", sa.Column("failed_at", sa.Double(), nullable=True))
    op.add_column("submissions", sa.Column("failure", sa.String(), nullable=True))
    failed = sa.text("failed_at IS NOT NULL")
    op.create_index(
        "ix_submissions_failed",
        "submissions",
        ["failed_at", "provider", "failure"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
