"""What several replicas need: shared secrets, large files on Postgres, retries that overtake their first try."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    with op.batch_alter_table("videos") as batch:
        batch.add_column(sa.Column("retried", sa.Boolean(), nullable=False, server_default=sa.false()))
    for table, nullable in (("outputs", True), ("files", False)):
        with op.batch_alter_table(table) as batch:
            batch.alter_column("size_bytes", type_=sa.BigInteger(), existing_type=sa.Integer(), existing_nullable=nullable)
