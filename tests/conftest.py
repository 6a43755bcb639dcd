"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from app.telemetry import configure_logs
from tests.bucket import Bucket, bucket_server
from tests.databases import Databases
from tests.ports import free_port
from tests.postgres import binaries, cluster
from tests.receiver import receiving
from tests.serving import Running, serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.receiver import Receiver


# How long an example takes says how busy this machine is, and nothing of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure() -> None:
    """Have the programs that tests interrupt take notice, also where a script runs the tests in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logs() -> None:
    """Log as a deployment does; commands run in this process set up logs of their own."""
    configure_logs("json", "info")


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """One Postgres server that the tests of a worker share; each makes databases of its own."""
    if binaries() is None:
        pytest.skip("no Postgres server is installed (initdb, pg_ctl)")
    with cluster() as server:
        yield Databases(server)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver of webhooks."""
    with receiving() as running:
        yield running


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """Give a fresh database on Postgres, with its tables."""
    url = databases.fresh()
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def database_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Choose the database of `gateway` and its like: SQLite, or Postgres where the tests ask for it."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    databases: Databases = request.getfixturevalue("databases")
    return {"database_url": databases.fresh()}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, database_settings: dict[str, str]) -> Iterator[Running]:
    """One open gateway that the tests of a worker share."""
    with serve(settings_for(tmp_path_factory.mktemp("gateway"), **database_settings)) as running:
        yield running


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start gateways of a test's own: `start_gateway(auth="on", …)`."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(serve(settings_for(tmp_path, **changes)))


@pytest.fixture(scope="session")
def bucket_of_session() -> Iterator[Bucket]:
    """One S3 server that the tests of a worker share."""
    with bucket_server() as bucket:
        yield bucket


@pytest.fixture
def bucket(bucket_of_session: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Give an empty bucket that works, and set the variables by which it is found."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in bucket_of_session.environment.items():
        monkeypatch.setenv(name, value)
    bucket_of_session.empty()
    yield bucket_of_session
    bucket_of_session.recover()


@pytest.fixture
def unused_port() -> int:
    """Return a port that nothing listens on."""
    return free_port()
