"""`reelgate keys`: API keys, through the running gateway or straight in its database."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

from app.cli.connection import check, client, find
from app.cli.offline import offline
from app.cli.terminal import err, fail, load_settings, out
from app.domain.limits import DAY, Period, Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from app.config import CommandSettings, Settings
    from app.db.session import Database
    from app.domain.catalogue import Catalogue
    from app.services.accounts import Accounts

_NO_ADMIN = (
    "[yellow]note:[/yellow] this key cannot manage keys, and there is no admin key yet: "
    "make one with --admin while the gateway is stopped, or set REELGATE_ADMIN_KEY."
)
_NONE = "none"  # takes a limit away

keys = typer.Typer(help="Make, list, change, rotate and revoke API keys.", no_args_is_help=True)

T = TypeVar("T")
Json: TypeAlias = "dict[str, Any]"
Id = Annotated[str, typer.Argument(help="The key's id, key_….", metavar="ID")]
Url = Annotated[str | None, typer.Option("--base-url", help="A gateway elsewhere. [REELGATE_BASE_URL]")]
RoleOption = Annotated[Role | None, typer.Option("--role", help="admin manages keys; reader only looks.")]
Budget = Annotated[str | None, typer.Option("--budget", help="Dollars that it may spend, such as 25 or 0.50.")]
Per = Annotated[Period | None, typer.Option("--per", help="What the budget is for; days and months are of UTC.")]
Rpm = Annotated[str | None, typer.Option("--rpm", help="Requests per minute that make something.")]
Concurrent = Annotated[str | None, typer.Option("--concurrent", help="Outputs in flight at a time.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="A model that it may use; repeat for more.")]
Providers = Annotated[list[str] | None, typer.Option("--provider", help="A provider that it may use; repeat for more.")]
Unpriced = Annotated[
    bool | None, typer.Option("--allow-unpriced/--refuse-unpriced", help="Under a budget, what has no price.")
]
Expires = Annotated[str | None, typer.Option("--expires", help="A date (2027-01-31, its first moment of UTC) or 30d.")]


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    *,
    admin: Annotated[bool, typer.Option("--admin", help="May manage keys: the same as --role admin.")] = False,
    role: RoleOption = None,
    budget: Budget = None,
    per: Per = None,
    rpm: Rpm = None,
    concurrent: Concurrent = None,
    model: Models = None,
    provider: Providers = None,
    unpriced: Unpriced = None,
    expires: Expires = None,
    base_url: Url = None,
) -> None:
    """Make a key and show it, this once. From the first key on, every request needs one."""
    role = "admin" if admin else role
    body = _body(name, role, budget, per, rpm, concurrent, model, provider, unpriced, expires)
    settings = load_settings()

    async def work(accounts: Accounts) -> tuple[str, bool]:
        from app.api.key_bodies import read_new  # noqa: PLC0415 - the help should not wait for it

        wanted = read_new(body, _catalogue(settings))
        _, secret = await accounts.create_key(wanted.name, wanted.role, wanted.limits, wanted.expires_at)
        rows = [key.row for key in await accounts.list_keys()]
        return secret, settings.admin_key is None and not any(r.role == "admin" and not r.revoked_at for r in rows)

    def ask(http: httpx.Client) -> tuple[str, bool]:
        secret = check(http.post("/v1/keys", json=body)).json()["key"]
        return secret, http.get("/v1/keys").is_client_error  # to whoever made the key: it was the first

    secret, closed = _do(settings, base_url, ask, work)
    out.print(secret, markup=False)
    if closed and role != "admin":
        err.print(_NO_ADMIN)


@keys.command("list")
def list_keys(base_url: Url = None) -> None:
    """List the keys with their limits; the keys themselves are not kept."""

    async def work(accounts: Accounts) -> list[Json]:
        from app.api.key_bodies import key_object  # noqa: PLC0415 - as above

        return [key_object(key, time.time()) for key in await accounts.list_keys()]

    rows = _do(load_settings(), base_url, lambda http: check(http.get("/v1/keys")).json()["data"], work)
    for row in rows:
        out.print(_line(row), markup=False)
    if not rows:
        out.print("no keys: the gateway is open on this machine; make one with `reelgate keys create NAME --admin`")


@keys.command()
def update(
    key_id: Id,
    *,
    name: Annotated[str | None, typer.Option("--name", help="What the key is for.")] = None,
    role: RoleOption = None,
    budget: Budget = None,
    per: Per = None,
    rpm: Rpm = None,
    concurrent: Concurrent = None,
    model: Models = None,
    provider: Providers = None,
    unpriced: Unpriced = None,
    expires: Expires = None,
    base_url: Url = None,
) -> None:
    """Change a key's name, role, limits or expiry; `none` takes a limit away, what is not named stays."""
    body = _body(name, role, budget, per, rpm, concurrent, model, provider, unpriced, expires)
    if not body:
        fail("nothing to change: see `reelgate keys update --help`")
    settings = load_settings()

    async def work(accounts: Accounts) -> Json:
        from app.api.key_bodies import key_object, read_changes  # noqa: PLC0415 - as above

        key = await accounts.update_key(key_id, read_changes(body, _catalogue(settings)))
        return key_object(key, time.time())

    row = _do(settings, base_url, lambda http: check(http.patch(f"/v1/keys/{key_id}", json=body)).json(), work)
    out.print(_line(row), markup=False)


@keys.command()
def rotate(
    key_id: Id,
    *,
    grace: Annotated[float, typer.Option(help="Seconds for which the old key stays good.", min=0)] = 0,
    base_url: Url = None,
) -> None:
    """Give a key a new secret and show it, this once."""

    async def work(accounts: Accounts) -> str:
        return (await accounts.rotate_key(key_id, grace))[1]

    def ask(http: httpx.Client) -> str:
        secret: str = check(http.post(f"/v1/keys/{key_id}/rotate", json={"grace_seconds": grace})).json()["key"]
        return secret

    out.print(_do(load_settings(), base_url, ask, work), markup=False)


@keys.command()
def revoke(
    key_id: Id,
    *,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel its live videos and disable its webhooks; also if revoked before.")
    ] = False,
    base_url: Url = None,
) -> None:
    """End a key at once. What it ordered goes on, unless --cancel is given."""
    settings = load_settings()

    async def work(database: Database) -> int:
        from app.services.revoking import Revoking  # noqa: PLC0415 - only when no gateway runs

        revoking = Revoking(database, _accounts(settings, database), time.time, settings.keep_seconds)
        return await revoking.revoke(key_id, cancel=cancel)

    def ask(http: httpx.Client) -> int:
        answer = check(http.delete(f"/v1/keys/{key_id}", params={"cancel": True} if cancel else {})).json()
        cancelled: int = answer.get("cancelled_videos", 0)
        return cancelled

    cancelled = _do_in(settings, base_url, ask, work)
    out.print(f"revoked {key_id}" + (f" and cancelled {cancelled} of its videos" if cancel else ""), markup=False)


def _do(
    settings: CommandSettings,
    base_url: str | None,
    ask: Callable[[httpx.Client], T],
    work: Callable[[Accounts], Awaitable[T]],
) -> T:
    """Ask the gateway that is named or runs, or do the work where none does."""
    return _do_in(settings, base_url, ask, lambda database: work(_accounts(settings, database)))


def _do_in(
    settings: CommandSettings,
    base_url: str | None,
    ask: Callable[[httpx.Client], T],
    work: Callable[[Database], Awaitable[T]],
) -> T:
    """Ask the gateway that is named or runs, or do the work in the database where none does."""
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            return ask(http)
    return offline(settings, work)


def _accounts(settings: Settings, database: Database) -> Accounts:
    from app.services.accounts import Accounts  # noqa: PLC0415 - only when no gateway runs

    return Accounts(database, time.time, settings.admin_key, required=True)


def _catalogue(settings: Settings) -> Catalogue:
    from app.startup import load_catalogue  # noqa: PLC0415 - only when no gateway runs

    return load_catalogue(settings)


def _body(
    name: str | None,
    role: Role | None,
    budget: str | None,
    per: Period | None,
    rpm: str | None,
    concurrent: str | None,
    model: list[str] | None,
    provider: list[str] | None,
    unpriced: bool | None,  # noqa: FBT001 - an option of the command
    expires: str | None,
) -> Json:
    """Say in the API's words what was given."""
    said = {
        "name": name,
        "role": role,
        "budget_usd": budget,
        "budget_period": per,
        "requests_per_minute": rpm,
        "max_concurrent": concurrent,
        "models": model or None,
        "providers": provider or None,
        "allow_unpriced": unpriced,
        "expires_at": expires if expires is None or expires == _NONE else _moment(expires),
    }
    return {key: None if value in (_NONE, [_NONE]) else value for key, value in said.items() if value is not None}


def _moment(text: str) -> int:
    """Read a date, or a number of days from now, as unix seconds."""
    try:
        if text.endswith("d") and text[:-1].isdigit():
            return int(time.time()) + int(text[:-1]) * DAY
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        fail(f"--expires {text}: expected a date such as 2027-01-31, or a number of days such as 30d")


def _line(row: Json) -> str:
    state = f"last used {_day(row['last_used_at'])}"
    if row["revoked_at"]:
        state = f"revoked {_day(row['revoked_at'])}"
    elif row["expires_at"]:
        state += f", expires {_day(row['expires_at'])}"
    facts = (row["id"], f"{row['prefix']}…", f"{row['role']:<6}", f"made {_day(row['created_at'])}", state)
    return "  ".join((*facts, *_limits(row), row["name"]))


def _limits(row: Json) -> list[str]:
    period = "" if row["budget_period"] == "total" else f" per {row['budget_period']}"
    said = {
        "budget_usd": f"${row['spent_usd']:g} of ${row['budget_usd']}{period}",
        "requests_per_minute": f"{row['requests_per_minute']} requests per minute",
        "max_concurrent": f"{row['max_concurrent']} at a time",
        "models": f"models {','.join(row['models'] or ())}",
        "providers": f"providers {','.join(row['providers'] or ())}",
    }
    return [text for name, text in said.items() if row[name] is not None]


def _day(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
