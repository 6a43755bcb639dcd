"""How commands work where no gateway runs: in the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from app.cli.connection import refuse
from app.cli.terminal import fail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.config import Settings
    from app.db.session import Database

T = TypeVar("T")


def offline(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do the work in the database; one in the data folder may be in no gateway's use."""
    import asyncio

    from app.domain.errors import GatewayError
    from app.startup import StartupError, build_database, lock, open_database
    from app.telemetry import configure_logs

    async def run() -> T:
        with lock(settings):
            database = build_database(settings)
            try:
                await open_database(database)
                return await work(database)
            finally:
                await database.close()

    configure_logs(settings.log_format, settings.log_level)  # the audit trail goes to stderr
    try:
        return asyncio.run(run())
    except StartupError as error:
        refuse(error)
    except GatewayError as error:
        told = {"message": error.message, "type": error.kind.type, "param": error.param, "code": error.code}
        fail(error.message, error=told)
