"""Budgets, limits and rotation of keys; a ledger of what outputs cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LIVE = "('queued', 'submitting', 'running', 'storing')"


def upgrade() -> None:
    """Add what is new, and book what was paid before."""
    with op.batch_alter_table("api_keys") as batch:
        batch.add_column(sa.Column("old_hash", sa.String(), nullable=True))
        batch.add_column(sa.Column("old_until", sa.Double(), nullable=True))
        batch.add_column(sa.Column("models", sa.JSON(none_as_null=True), nullable=True))
        batch.add_column(sa.Column("providers", sa.JSON(none_as_null=True), nullable=True))
        batch.add_column(sa.Column("allow_unpriced", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("expires_at", sa.Double(), nullable=True))
        batch.create_unique_constraint(op.f("uq_api_keys_old_hash"), ["old_hash"])
    op.create_table(
        "budgets",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("budget", sa.BigInteger(), nullable=True),
        sa.Column("period", sa.String(), nullable=False, server_default="total"),
        sa.Column("period_start", sa.Double(), nullable=False, server_default="0"),
        sa.Column("base", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("spent", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("reserved", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("max_concurrent", sa.Integer(), nullable=True),
        sa.Column("in_flight", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("minute", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("requests", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_budgets")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.String(), nullable=False),
        sa.Column("output_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index(op.f("ix_ledger_owner_at"), "ledger", ["owner", "at"])
    op.create_index(op.f("ix_ledger_at"), "ledger", ["at"])
    with op.batch_alter_table("outputs") as batch:
        batch.add_column(sa.Column("estimate", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("reserved", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("booked", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("in_flight", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(f"UPDATE outputs SET in_flight = state IN {_LIVE}, booked = coalesce(cost, 0)")
    day = "CAST(o.completed_at AS INTEGER) / 86400" if op.get_bind().dialect.name == "sqlite" else (
        "CAST(floor(o.completed_at / 86400) AS INTEGER)"
    )
    op.execute(
        "INSERT INTO ledger (id, owner, at, day, video_id, output_id, provider, model, outcome, seconds, amount) "
        f"SELECT 'led_' || o.id, v.owner, o.completed_at, {day}, v.id, o.id, o.provider, v.model, o.state, "
        "CASE WHEN o.state = 'completed' THEN coalesce(o.duration, 0) ELSE 0 END, coalesce(o.cost, 0) "
        "FROM outputs o JOIN videos v ON v.id = o.video_id "
        "WHERE o.completed_at IS NOT NULL AND (o.state = 'completed' OR o.cost <> 0)"
    )
    op.execute("UPDATE outputs SET booked = 0 WHERE completed_at IS NULL")
    op.execute(
        "INSERT INTO budgets (owner, spent, in_flight) SELECT k.id, "
        "(SELECT coalesce(sum(l.amount), 0) FROM ledger l WHERE l.owner = k.id), "
        "(SELECT count(*) FROM outputs o JOIN videos v ON v.id = o.video_id WHERE v.owner = k.id AND o.in_flight) "
        "FROM api_keys k"
    )
