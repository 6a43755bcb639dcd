"""Complaint 30 about other gateways: budgets that let a few requests at once spend several times what they allow."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from tests.pitfalls.bench import MODEL, at_least
from tests.upstreams.behaviour import Rule, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.pitfalls.bench import Bench
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-budget-tests"
PENDING = ("queued", "in_progress")
WANTED = {"seconds": 1, "resolution": "480p", "model": f"fal/{MODEL}"}  # $0.05


def micros(dollars: float) -> int:
    return round(dollars * 1_000_000)


@contextmanager
def holder(gateway: Running, **fields: object) -> Iterator[httpx.Client]:
    """Give a client with a key of its own."""
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    key = gateway.http.post("/v1/keys", json={"name": "k", **fields}, headers=admin).json()["key"]
    with httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {key}"}, timeout=60) as http:
        yield http


def settled(http: httpx.Client) -> dict[str, Any]:
    """Return the balance, once nothing is reserved any more."""
    at_least(1, lambda: not http.get("/v1/balance").json()["reserved"], timeout=60)
    balance: dict[str, Any] = http.get("/v1/balance").json()
    return balance


def test_a_budget_for_five_jobs_orders_five_whatever_comes_at_once(
    bench: Bench, another: Callable[..., Running]
) -> None:
    with holder(another(admin_key=ADMIN_KEY), budget_usd=0.25) as http, ThreadPoolExecutor(20) as threads:
        asked = [{**WANTED, "prompt": f"number {number}"} for number in range(60)]
        answers = list(threads.map(lambda body: http.post("/v1/videos", json=body).status_code, asked))
        assert Counter(answers) == {200: 5, 402: 55}
        balance = settled(http)
    assert len(bench.paid()) == 5
    assert micros(balance["spent"]) == bench.fal.ledger.charged() == 250_000
    assert balance["available"]["amount"] == 0


def test_what_fails_is_given_back_or_booked_as_it_was_billed(bench: Bench, another: Callable[..., Running]) -> None:
    bench.rules("fal").add(Rule(on="job", do=fail(units=0.4)))
    with holder(another(admin_key=ADMIN_KEY), budget_usd=0.15) as http:
        assert http.post("/v1/videos", json={**WANTED, "prompt": "x", "n": 3}).status_code == 200
        assert http.post("/v1/videos", json={**WANTED, "prompt": "y"}).status_code == 402
        balance = settled(http)
        assert micros(balance["spent"]) == bench.fal.ledger.charged() > 0
        assert micros(balance["spent"]) < 150_000


def test_usage_is_what_the_providers_were_paid(bench: Bench, another: Callable[..., Running]) -> None:
    gateway = another(admin_key=ADMIN_KEY)
    with holder(gateway) as http, holder(gateway) as other:
        for body in ({"n": 2}, {"model": f"xai/{MODEL}"}):
            assert http.post("/v1/videos", json={**WANTED, "prompt": "x", **body}).status_code == 200
        assert other.post("/v1/videos", json={**WANTED, "prompt": "x"}).status_code == 200
        spent = [settled(each)["spent"] for each in (http, other)]
        assert micros(sum(spent)) == bench.fal.ledger.charged() + bench.xai.ledger.charged()
        by = {group: http.get("/v1/usage", params={"group_by": group}).json()["data"] for group in GROUPS}
        for rows in by.values():
            assert sum(micros(each["cost"]) for each in rows) == micros(spent[0])
        assert [
            (each["provider"], each["videos"], each["outputs"], micros(each["cost"])) for each in by["provider"]
        ] == [
            ("fal", 1, 2, 100_000),
            ("xai", 1, 1, micros(spent[0]) - 100_000),
        ]
        assert by["model"][0]["model"] == MODEL
        assert all(each["seconds"] > 0 for rows in by.values() for each in rows)
        start = by["day"][0]["day"]
        assert len(start.split("-")) == 3
        everybody = gateway.http.get("/v1/usage?group_by=key", headers={"authorization": f"Bearer {ADMIN_KEY}"}).json()
        assert sorted(micros(each["cost"]) for each in everybody["data"]) == sorted(map(micros, spent))
        assert http.get("/v1/usage", params={"end": 1}).json()["data"] == []
        assert http.get("/v1/usage", params={"group_by": "user"}).status_code == 400


GROUPS = ("day", "model", "provider", "key")
