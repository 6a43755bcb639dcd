"""Videos and their webhooks know the request that asked for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    for table in ("videos", "webhook_events"):
        for column in ("request_id", "traceparent"):
            op.add_column(table, sa.Column(column, sa.String(), nullable=True))
