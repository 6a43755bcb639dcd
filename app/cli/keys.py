"""`reelgate keys`: API keys, through the running gateway or straight in its data folder."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.cli.connection import check, client, find
from app.cli.offline import offline
from app.cli.terminal import err, load_settings, out

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from app.config import Settings
    from app.db.tables import ApiKeyRow
    from app.services.accounts import Accounts, Role

T = TypeVar("T")

_NO_ADMIN = (
    "[yellow]note:[/yellow] this key cannot manage keys, and there is no admin key yet: "
    "make one with --admin while the gateway is stopped, or set REELGATE_ADMIN_KEY."
)

keys = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

Url = Annotated[str | None, typer.Option("--base-url", help="A gateway elsewhere. [REELGATE_BASE_URL]")]


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    *,
    admin: Annotated[bool, typer.Option("--admin", help="May manage keys.")] = False,
    base_url: Url = None,
) -> None:
    """Make a key and show it, this once. From the first key on, every request needs one."""
    role: Role = "admin" if admin else "member"
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            secret = check(http.post("/v1/keys", json={"name": name, "role": role})).json()["key"]
            closed = http.get("/v1/keys").is_client_error  # to whoever made the key: it was the first
    else:
        secret, rows = _offline(settings, lambda accounts: _create(accounts, name, role))
        closed = settings.admin_key is None and not any(row.role == "admin" and not row.revoked_at for row in rows)
    out.print(secret, markup=False)
    if closed and not admin:
        err.print(_NO_ADMIN)


async def _create(accounts: Accounts, name: str, role: Role) -> tuple[str, Sequence[ApiKeyRow]]:
    _, secret = await accounts.create_key(name, role)
    return secret, await accounts.list_keys()


@keys.command("list")
def list_keys(base_url: Url = None) -> None:
    """List the keys; the keys themselves are not kept."""
    settings = load_settings()
    url = find(settings, base_url)
    rows: list[dict[str, Any]]
    if url:
        with client(url, settings) as http:
            rows = check(http.get("/v1/keys")).json()["data"]
    else:
        found = _offline(settings, lambda accounts: accounts.list_keys())
        names = ("id", "name", "role", "prefix", "created_at", "last_used_at", "revoked_at")
        rows = [{name: getattr(row, name) for name in names} for row in found]
    for row in rows:
        state = f"revoked {_day(row['revoked_at'])}" if row["revoked_at"] else f"last used {_day(row['last_used_at'])}"
        facts = (row["id"], f"{row['prefix']}…", f"{row['role']:<6}", f"made {_day(row['created_at'])}", state)
        out.print("  ".join((*facts, row["name"])), markup=False)
    if not rows:
        out.print("no keys: the gateway is open on this machine; make one with `reelgate keys create NAME --admin`")


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, key_….")], base_url: Url = None) -> None:
    """End a key at once."""
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            check(http.delete(f"/v1/keys/{key_id}"))
    else:
        _offline(settings, lambda accounts: accounts.revoke_key(key_id))
    out.print(f"revoked {key_id}", markup=False)


def _offline(settings: Settings, work: Callable[[Accounts], Awaitable[T]]) -> T:
    """Do the work where no gateway runs."""
    from app.services.accounts import Accounts  # noqa: PLC0415 - only when no gateway runs

    return offline(settings, lambda database: work(Accounts(database, time.time, settings.admin_key, required=True)))


def _day(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
