"""docs/provider-requests.md, made by asking a real gateway: `python -m tests.docs.provider_table` writes it anew."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.telemetry import configure_logs
from tests.docs.provider_requests import TYPICAL, every_offering, payload_of, shortened
from tests.docs.seed_rows import SEEDS
from tests.pitfalls.bench import bench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.provider_requests import Left
    from tests.docs.seed_rows import Seed
    from tests.pitfalls.bench import Bench

PAGE = Path(__file__).parent.parent.parent / "docs" / "provider-requests.md"
TITLES = {"fal": "fal.ai", "aimlapi": "AI/ML API", "xai": "xAI"}
_HEAD = """\
# What leaves for each provider

Made by a test run, not by hand: a gateway was asked, fake providers wrote down what arrived.
`make provider-table` writes the page anew, and the tests fail where it is out of date.

Every request had the prompt "a paper boat on a calm sea" and what is named below; `@boat.png` is an uploaded file.
fal takes small pictures in the request and larger files in its own storage, xAI takes all in the request itself. AI/ML
API documents links only: `REELGATE_PUBLIC_URL` makes the gateway hand out signed ones, and without it the file goes as
a data URI, as here.

The fakes know every endpoint's fields, types, ranges and values from the providers' pages, and refuse all else. All
money is in dollars; the estimate is what `dryRun` and `cost_estimate` say, the cost is what the provider charged and
`metadata.cost` said. Where the catalogue has no price (no model of AI/ML API, at fal only Grok's have one) there is no
estimate, and what the fake charges is made up: the cost shows that a charge arrives, not what the model costs.
"""
_SEEDS = """\
## The parameters of the reference pages, row by row

Each row is a parameter of a provider's own page (or of Lumenfall's, for the gateway's own fields), a value it names,
and what left when it was asked for.
"""


def page(running: Bench) -> str:
    """Make the whole page."""
    found = every_offering(running)
    parts = [_HEAD]
    for model, mode in dict.fromkeys((row.model, row.mode) for row in found):
        rows = [row for row in found if (row.model, row.mode) == (model, mode)]
        asked = TYPICAL[mode].shown()
        parts.append(
            f"## {model}, {mode}\n\nAsked: {asked}, by `POST {TYPICAL[mode].path}`.\n\n" + "\n".join(_rows(rows))
        )
    parts.append(_SEEDS)
    parts += ["\n".join(_seed(running, seed)) for seed in SEEDS]
    return "\n".join(parts)


def _rows(rows: list[Left]) -> Iterator[str]:
    yield "| Provider | Submit | JSON | Status | Estimate | Cost |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {TITLES[row.provider]} | `POST {row.submit}` | `{compact(row.payload)}` | `GET {row.status}` "
            f"| {_money(row.estimate)} | {_money(row.cost)} |"
        )
    yield ""


def _seed(running: Bench, seed: Seed) -> Iterator[str]:
    yield f"### {seed.title}\n"
    yield "| Parameter | Asked | Left |"
    yield "|---|---|---|"
    for row in seed.rows:
        body = payload_of(running, seed.provider, row.model or seed.model, row.request)
        row.check(body)
        left = {name: body[name] for name in row.fields if name in body}
        yield f"| `{row.parameter}` | {row.request.shown()} | `{compact(shortened(left))}` |"
    yield ""


def compact(value: Any) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _money(dollars: float | None) -> str:
    return "none" if dollars is None else f"{dollars:.6f}".rstrip("0").rstrip(".")


def main() -> None:
    """Write the page."""
    configure_logs("text", "error")
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as running:
        text = page(running)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}: {len(text.splitlines())} lines\n")


if __name__ == "__main__":
    main()
