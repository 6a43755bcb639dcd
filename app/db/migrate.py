"""Apply the migrations that ship inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from app.db.session import DatabaseUnavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


_MIGRATIONS = Path(__file__).parent / "migrations"


def due(connection: Connection) -> bool:
    """Say whether there is anything to upgrade. Raises DatabaseUnavailable for tables of a later version."""
    found, newest = _revisions(connection), _newest()
    if max(found, default="") > newest:
        raise DatabaseUnavailable(
            f"its tables are of a later version of Reelgate ({max(found)}; this one knows them up to {newest}). Start "
            "that version again, or restore the backup that was made before the upgrade"
        )
    return found != [newest]


def begun(connection: Connection) -> bool:
    """Say whether there are any tables: none before the first start."""
    return bool(_revisions(connection))


def upgrade(connection: Connection) -> None:
    """Bring the database behind `connection` to the newest revision."""
    from alembic import command  # noqa: PLC0415 - 9 MiB and 0.2 s that a database of this version does without
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revisions(connection: Connection) -> list[str]:
    """Read where alembic left the database; nothing where it has never been."""
    if not inspect(connection).has_table("alembic_version"):
        return []
    return list(connection.scalars(text("SELECT version_num FROM alembic_version")))


def _newest() -> str:
    """Return the newest revision: their files are named by their number, `NNNN_what_it_does.py`."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
