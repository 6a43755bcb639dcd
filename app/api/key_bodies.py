"""Bodies of /keys, read and written: for the routes, and for the command line where no gateway runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from app.api import key_schemas as schemas
from app.db.budgets import balance_of
from app.domain.allowed import by_catalogue
from app.domain.errors import GatewayError, invalid, missing
from app.domain.key_settings import KeySettings
from app.domain.pricing import dollars, micro_dollars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.db.keys import Key
    from app.domain.catalogue import Catalogue
    from app.domain.plain import Json

M = TypeVar("M", bound=BaseModel)

_SAME = {"requests_per_minute", "max_concurrent", "allow_unpriced"}  # named alike in a body and in Limits


def read_new(body: Mapping[str, object], catalogue: Catalogue) -> KeySettings:
    """Read what a new key is to be. Raises GatewayError."""
    wanted = _read(schemas.KeyRequest, body)
    made = _laid_over(KeySettings(wanted.name), wanted)
    if made.limits.budget is None and made.limits.period != "total":
        message = f"Invalid budget_period: {made.limits.period!r} is what a budget is for; send budget_usd, too."
        raise GatewayError("unsupported_value", message, param="budget_period")
    return replace(made, limits=by_catalogue(made.limits, catalogue))


def read_changes(body: Mapping[str, object], catalogue: Catalogue) -> Callable[[KeySettings], KeySettings]:
    """Read what is to be set anew; the rest stays as it is then. Raises GatewayError, also when it is applied."""
    changes = _read(schemas.KeyChanges, body)

    def change(before: KeySettings) -> KeySettings:
        after = _laid_over(before, changes)
        return replace(after, limits=by_catalogue(after.limits, catalogue))

    return change


def read_grace(body: Mapping[str, object]) -> float:
    """Read for how many seconds the old secret stays good. Raises GatewayError."""
    return _read(schemas.KeyRotation, body).grace_seconds


def _laid_over(before: KeySettings, changes: schemas.KeyChanges) -> KeySettings:
    given = changes.model_fields_set
    said = changes.model_dump(include=given)
    limits: dict[str, object] = {name: said[name] for name in _SAME & given}
    limits |= {name: said[name] and tuple(said[name]) for name in ("models", "providers") if name in given}
    if "budget_usd" in given:
        limits["budget"] = None if changes.budget_usd is None else micro_dollars(changes.budget_usd)
    if "budget_period" in given:
        limits["period"] = changes.budget_period
    own = {name: said[name] for name in ("name", "role", "expires_at") if name in given}
    return replace(before, **own, limits=replace(before.limits, **limits))  # type: ignore[arg-type]  # checked above


def key_object(key: Key, now: float) -> dict[str, Json]:
    """Build the public object (`schemas.KeyObject`) as of `now` (unix seconds)."""
    row, limits, balance = key.row, key.limits, balance_of(key.budget, now)
    return {
        "id": row.id,
        "object": "api_key",
        "name": row.name,
        "role": row.role,
        "prefix": row.prefix,
        "created_at": int(row.created_at),
        "last_used_at": _whole(row.last_used_at),
        "expires_at": _whole(row.expires_at),
        "revoked_at": _whole(row.revoked_at),
        "previous_expires_at": _whole(row.old_until),
        "budget_usd": None if limits.budget is None else dollars(limits.budget),
        "budget_period": limits.period,
        "spent_usd": dollars(balance.spent),
        "reserved_usd": dollars(balance.reserved),
        "requests_per_minute": limits.requests_per_minute,
        "max_concurrent": limits.max_concurrent,
        "models": None if limits.models is None else list(limits.models),
        "providers": None if limits.providers is None else list(limits.providers),
        "allow_unpriced": limits.allow_unpriced,
    }


def _read(model: type[M], body: Mapping[str, object]) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        param = str(first["loc"][0])
        if first["type"] == "missing":
            raise missing(param) from None
        raise invalid(param, f"Invalid {param}: {first['msg']}.") from None


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
