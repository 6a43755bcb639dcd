"""API keys as people read them: one per line."""

from __future__ import annotations

from typing import Any

from app.cli.terminal import dollars, plain
from app.cli.times import to_minute


def key_line(row: dict[str, Any]) -> str:
    """Say in one line what a key is, may do and has done."""
    state = f"last used {to_minute(row['last_used_at'])}"
    if row["revoked_at"]:
        state = f"revoked {to_minute(row['revoked_at'])}"
    elif row["expires_at"]:
        state += f", expires {to_minute(row['expires_at'])}"
    facts = (row["id"], f"{row['prefix']}…", f"{row['role']:<6}", f"made {to_minute(row['created_at'])}", state)
    return "  ".join((*facts, *_limits(row), plain(row["name"])))


def _limits(row: dict[str, Any]) -> list[str]:
    period = "" if row["budget_period"] == "total" else f" per {row['budget_period']}"
    said = {
        "budget_usd": f"{dollars(row['spent_usd'])} of {dollars(row['budget_usd'])}{period}",
        "requests_per_minute": f"{row['requests_per_minute']} requests per minute",
        "max_concurrent": f"{row['max_concurrent']} at a time",
        "models": f"models {','.join(row['models'] or ())}",
        "providers": f"providers {','.join(row['providers'] or ())}",
    }
    return [text for name, text in said.items() if row[name] is not None]
