"""Rotation of the secret that signs links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    with op.batch_alter_table("secrets") as batch:
        batch.add_column(sa.Column("good_from", sa.Double(), server_default="0", nullable=False))
        batch.add_column(sa.Column("good_until", sa.Double(), nullable=True))
