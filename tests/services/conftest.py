"""The engine's parts are tested on both databases: whatever opens a bench is run again on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.db.postgres import PostgresDatabase
from tests.services import bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.db.session import Database
    from tests.databases import Databases

_ALWAYS = "test_steps"  # the module that `make test` runs on both; `make thorough` has the others
_OWN = ("test_state_machine", "test_outages", "test_replicas", "test_budget_race")  # they choose their database

_SQLITE = (
    "test_a_writer_that_has_ended_refuses_rather_than_hangs",  # Postgres has no writer of its own
    "test_a_date_that_is_set_ends_no_job_early_and_keeps_none_waiting",  # and no date but the server's
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of modules that open benches on both."""
    name = metafunc.module.__name__.rpartition(".")[2]
    if hasattr(metafunc.module, "open_bench") and name not in _OWN and metafunc.function.__name__ not in _SQLITE:
        marks = () if name == _ALWAYS else pytest.mark.thorough
        on_postgres = pytest.param("postgres", marks=marks)
        metafunc.parametrize("_bench_database", ["sqlite", on_postgres], indirect=True)


@pytest.fixture(autouse=True)
def _bench_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have every bench of a test open databases of one kind."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield
        return
    databases: Databases = request.getfixturevalue("databases")
    opened: list[str] = []

    def new_database(_folder: Path) -> Database:
        opened.append(databases.fresh())
        return PostgresDatabase(opened[-1])

    monkeypatch.setattr(bench, "new_database", new_database)
    yield
    for url in opened:
        databases.drop(url)
