"""Migrations are run where they are needed, and nowhere else is alembic loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from app.db import migrate
from app.db.session import DatabaseUnavailable
from app.db.tables import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Config()
CONFIG.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
(HEAD,) = ScriptDirectory.from_config(CONFIG).get_heads()
AGAIN = """
import sys
from sqlalchemy import create_engine
from app.db.migrate import due
with create_engine(f"sqlite:///{sys.argv[1]}").begin() as connection:
    print(due(connection), "alembic" in sys.modules)
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'db'}")
    yield made
    made.dispose()


def test_an_empty_database_gets_every_table(engine: Engine) -> None:
    with engine.begin() as connection:
        migrate.upgrade(connection)
        assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())
        assert _revision(connection) == HEAD


def test_a_database_of_an_earlier_version_is_brought_up_to_date(engine: Engine) -> None:
    with engine.begin() as connection:
        CONFIG.attributes["connection"] = connection
        command.upgrade(CONFIG, "0001")
        assert _revision(connection) == "0001"
        assert migrate.due(connection)
        migrate.upgrade(connection)
        assert _revision(connection) == HEAD
        assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())


def test_a_database_of_a_later_version_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        migrate.upgrade(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(DatabaseUnavailable, match=f"later version .*9999; .* up to {HEAD}.* backup"):
            migrate.due(connection)


def test_a_database_of_this_version_is_left_alone_without_alembic(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        migrate.upgrade(connection)
    done = subprocess.run([sys.executable, "-c", AGAIN, tmp_path / "db"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def _revision(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
