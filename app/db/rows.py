"""Rows as their tables see them: for statements that are carried out thousands of times a minute.

Asked of a table instead of its class, and made once, one takes SQLAlchemy a third of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from sqlalchemy import Table

    from app.db.tables import Base


def table_of(kind: type[Base]) -> Table:
    """Return the table of a kind of rows."""
    return cast("Table", kind.__table__)


def values_of(row: Base) -> dict[str, Any]:
    """Return a new row as its table takes it; what was not set is the table's default, or null."""
    told = row.__dict__
    columns = row.__table__.columns
    return {each.key: told.get(each.key) for each in columns if each.key in told or each.server_default is None}
