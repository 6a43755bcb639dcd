"""`reelgate keys`: API keys, through the running gateway or straight in its database."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

from app.cli.amounts import NONE, amount, count
from app.cli.completion import complete_key, complete_model, complete_provider
from app.cli.connection import ask, client, find
from app.cli.key_line import key_line
from app.cli.offline import offline
from app.cli.options import AsJson, BaseUrl, identifier
from app.cli.terminal import err, fail, load_settings, out, print_json
from app.domain.limits import DAY, Period, Role
from app.program import program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from app.config import CommandSettings, Settings
    from app.db.session import Database
    from app.domain.catalogue import Catalogue
    from app.services.accounts import Accounts

keys = typer.Typer(help="Make, list, change, rotate and revoke API keys.", no_args_is_help=True)

_DAYS = re.compile("[0-9]{1,6}d")
_SHOWN = 40  # characters of what was wrong

T = TypeVar("T")
Json: TypeAlias = "dict[str, Any]"
Id = Annotated[
    str, typer.Argument(help="The key's id, key_….", metavar="ID", callback=identifier, autocompletion=complete_key)
]
RoleOption = Annotated[Role | None, typer.Option("--role", help="admin manages keys; reader only looks.")]
Budget = Annotated[
    str | None, typer.Option("--budget", help="Dollars that it may spend, such as 25 or 0.50.", callback=amount)
]
Per = Annotated[Period | None, typer.Option("--per", help="What the budget is for; days and months are of UTC.")]
Rpm = Annotated[str | None, typer.Option("--rpm", help="Requests per minute that make something.", callback=count)]
Concurrent = Annotated[str | None, typer.Option("--concurrent", help="Outputs in flight at a time.", callback=count)]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A model that it may use; repeat for more.", autocompletion=complete_model),
]
Providers = Annotated[
    list[str] | None,
    typer.Option("--provider", help="A provider that it may use; repeat for more.", autocompletion=complete_provider),
]
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
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once. From the first key on, every request needs one; so it has to be an admin's."""
    if per and budget in (None, NONE):
        raise typer.BadParameter("it is what a budget is for: name that, too, with --budget", param_hint="--per")
    body = _body(name, "admin" if admin else role, budget, per, rpm, concurrent, model, provider, unpriced, expires)
    settings = load_settings()

    async def work(accounts: Accounts) -> Json:
        from app.api.key_bodies import key_object, read_new

        wanted = read_new(body, _catalogue(settings))
        key, secret = await accounts.create_key(wanted.name, wanted.role, wanted.limits, wanted.expires_at)
        return {**key_object(key, time.time()), "key": secret}

    made = _do(settings, base_url, lambda http: ask(http, "POST", "/v1/keys", json=body), work)
    _show(made, made["key"], as_json=as_json)


@keys.command("list")
def list_keys(base_url: BaseUrl = None, *, as_json: AsJson = False) -> None:
    """List the keys with their limits; the keys themselves are not kept."""

    async def work(accounts: Accounts) -> Json:
        from app.api.key_bodies import key_object

        data = [key_object(key, time.time()) for key in await accounts.list_keys()]
        return {"object": "list", "data": data}

    found = _do(load_settings(), base_url, lambda http: ask(http, "GET", "/v1/keys"), work)
    if as_json:
        print_json(found)
        return
    for row in found["data"]:
        out.print(key_line(row), markup=False)
    if not found["data"]:
        first = f"`{program()} keys create NAME --admin`"
        err.print(f"no keys: the gateway is open on this machine; make one with {first}", markup=False)


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
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Change a key's name, role, limits or expiry; `none` takes a limit away, what is not named stays."""
    body = _body(name, role, budget, per, rpm, concurrent, model, provider, unpriced, expires)
    if not body:
        fail(f"nothing to change: see `{program()} keys update --help`")
    settings = load_settings()

    async def work(accounts: Accounts) -> Json:
        from app.api.key_bodies import key_object, read_changes

        key = await accounts.update_key(key_id, read_changes(body, _catalogue(settings)))
        return key_object(key, time.time())

    row = _do(settings, base_url, lambda http: ask(http, "PATCH", f"/v1/keys/{key_id}", json=body), work)
    _show(row, key_line(row), as_json=as_json)


@keys.command()
def rotate(
    key_id: Id,
    *,
    grace: Annotated[float, typer.Option(help="Seconds for which the old key stays good.", min=0)] = 0,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and show it, this once."""

    async def work(accounts: Accounts) -> Json:
        from app.api.key_bodies import key_object

        key, secret = await accounts.rotate_key(key_id, grace)
        return {**key_object(key, time.time()), "key": secret}

    def online(http: httpx.Client) -> Json:
        made: Json = ask(http, "POST", f"/v1/keys/{key_id}/rotate", json={"grace_seconds": grace})
        return made

    made = _do(load_settings(), base_url, online, work)
    _show(made, made["key"], as_json=as_json)


@keys.command()
def revoke(
    key_id: Id,
    *,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel its live videos and disable its webhooks; also if revoked before.")
    ] = False,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """End a key at once. What it ordered goes on, unless --cancel is given."""
    settings = load_settings()

    async def work(database: Database) -> Json:
        from app.services.revoking import Revoking

        revoking = Revoking(database, _accounts(settings, database), time.time, settings.keep_seconds)
        cancelled = await revoking.revoke(key_id, cancel=cancel)
        said = {"cancelled_videos": cancelled} if cancel else {}
        return {"id": key_id, "object": "api_key.deleted", "deleted": True, **said}

    def online(http: httpx.Client) -> Json:
        answer: Json = ask(http, "DELETE", f"/v1/keys/{key_id}", params={"cancel": True} if cancel else {})
        return answer

    done = _do_in(settings, base_url, online, work)
    rest = f" and cancelled {done['cancelled_videos']} of its videos" if cancel else ""
    _show(done, f"revoked {key_id}{rest}", as_json=as_json)


def _show(answer: Json, line: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        out.print(line, markup=False)


def _do(
    settings: CommandSettings,
    base_url: str | None,
    online: Callable[[httpx.Client], T],
    work: Callable[[Accounts], Awaitable[T]],
) -> T:
    """Ask the gateway that is named or runs, or do the work where none does."""
    return _do_in(settings, base_url, online, lambda database: work(_accounts(settings, database)))


def _do_in(
    settings: CommandSettings,
    base_url: str | None,
    online: Callable[[httpx.Client], T],
    work: Callable[[Database], Awaitable[T]],
) -> T:
    """Ask the gateway that is named or runs, or do the work in the database where none does."""
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            return online(http)
    return offline(settings, work)


def _accounts(settings: Settings, database: Database) -> Accounts:
    from app.services.accounts import Accounts

    return Accounts(database, time.time, settings.admin_key, required=True)


def _catalogue(settings: Settings) -> Catalogue:
    from app.startup import load_catalogue

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
        "expires_at": expires if expires is None or expires == NONE else _moment(expires),
    }
    return {key: None if value in (NONE, [NONE]) else value for key, value in said.items() if value is not None}


def _moment(text: str) -> int:
    """Read a date, or a number of days from now, as unix seconds."""
    try:
        if _DAYS.fullmatch(text):
            return int(time.time()) + int(text[:-1]) * DAY
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        fail(f"--expires {text[:_SHOWN]}: expected a date such as 2027-01-31, or a number of days such as 30d")
