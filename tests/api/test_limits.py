"""What a key's limits do over HTTP: what is refused how, and what every answer tells of them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from app.api import key_schemas as schemas
from app.api.schemas import Estimate
from tests.api.creating import PICTURE
from tests.api.holders import client, holder, make
from tests.receiver import wait_until
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-limits-tests"
BODY = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}  # at fal: $0.05


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve with fal and local; fal cannot be reached, so what is ordered there waits."""
    fal = {"fal_key": "id:secret", "fal_queue_url": "http://127.0.0.1:9", "providers": "fal,local"}
    with serve(settings_for(tmp_path_factory.mktemp("limits"), admin_key=ADMIN_KEY, **fal)) as running:
        yield running


@pytest.fixture(scope="module")
def admin(gateway: Running) -> Iterator[httpx.Client]:
    with client(gateway, ADMIN_KEY) as http:
        yield http


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["type"], error["code"]


def test_a_key_shows_its_limits_and_a_change_holds_at_once(gateway: Running, admin: httpx.Client) -> None:
    limits = {
        "role": "member",
        "budget_usd": 12.5,
        "budget_period": "month",
        "requests_per_minute": 60,
        "max_concurrent": 4,
        "models": ["grok-imagine-video"],
        "providers": ["fal", "local"],
        "allow_unpriced": True,
        "expires_at": int(time.time()) + 3600,
    }
    made = make(admin, **limits)
    assert {name: made[name] for name in limits} == limits
    path = f"/v1/keys/{made['id']}"
    shown = admin.get(path).json()
    assert shown == {name: made[name] for name in made if name != "key"}
    assert shown in admin.get("/v1/keys").json()["data"]
    with client(gateway, made["key"]) as http:
        assert http.post("/v1/videos?dryRun=true", json=BODY).status_code == 200
        changed = admin.patch(path, json={"models": ["veo-3.1"], "max_concurrent": None, "name": "other"}).json()
        schemas.KeyObject.model_validate(changed, strict=True)
        wanted = {**limits, "models": ["veo-3.1"], "max_concurrent": None, "name": "other"}
        assert {name: changed[name] for name in wanted} == wanted
        refused = http.post("/v1/videos?dryRun=true", json=BODY)
        assert error_of(refused) == (403, "permission_error", "permission_denied")
        assert "may use veo-3.1" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("role", "owner"),
        ("role", None),
        ("budget_usd", -1),
        ("budget_usd", "much"),
        ("budget_usd", 1e10),
        ("budget_period", "week"),
        ("requests_per_minute", 0),
        ("max_concurrent", 1.5),
        ("models", []),
        ("models", "grok-imagine-video"),
        ("providers", [""]),
        ("providers", ["fax"]),
        ("expires_at", 1),
        ("expires_at", "tomorrow"),
        ("unknown", 1),
    ],
)
def test_a_limit_that_makes_no_sense_is_named(admin: httpx.Client, field: str, value: object) -> None:
    key = make(admin)
    answers = [
        admin.post("/v1/keys", json={"name": "x", field: value}),
        admin.patch(f"/v1/keys/{key['id']}", json={field: value}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), answer.text
    assert admin.get(f"/v1/keys/{key['id']}").json()["name"] == "a key"


def test_a_new_key_has_no_budget_period_without_a_budget(admin: httpx.Client) -> None:
    for budget in ({}, {"budget_usd": None}):
        answer = admin.post("/v1/keys", json={"name": "endless", "budget_period": "day", **budget})
        assert error_of(answer) == (400, "invalid_request_error", "unsupported_value")
        assert answer.json()["error"]["param"] == "budget_period"
    assert make(admin, budget_usd=0, budget_period="day")["budget_usd"] == 0
    assert "endless" not in admin.get("/v1/keys").text


def test_a_model_that_nobody_knows_is_named_with_the_nearest(admin: httpx.Client) -> None:
    answer = admin.post("/v1/keys", json={"name": "x", "models": ["grok-imagine-vide"]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "models")
    assert "Did you mean" in answer.json()["error"]["message"]


def test_a_provider_that_is_not_allowed_is_not_used_even_for_failover(gateway: Running, admin: httpx.Client) -> None:
    with holder(gateway, admin, providers=["local"]) as http:
        assert http.post("/v1/videos?dryRun=true", json=BODY).json()["provider"] == "local"
        video = http.post("/v1/videos", json=BODY).json()
        assert video["metadata"]["provider"] == "local"
        pinned = http.post("/v1/videos", json={**BODY, "model": "fal/grok-imagine-video"})
        assert error_of(pinned) == (403, "permission_error", "permission_denied")
        http.delete(f"/v1/videos/{video['id']}")


def test_a_key_is_shown_the_models_that_it_may_use_and_the_rest_is_as_unknown_as_what_never_was(
    gateway: Running, admin: httpx.Client
) -> None:
    everything = {model["id"]: model for model in admin.get("/v1/models").json()["data"]}
    with holder(gateway, admin, models=["sora-2", "fal/fal-ai/own"]) as http:  # an alias, and what is in no catalogue
        (grok,) = http.get("/v1/models").json()["data"]
        assert grok == everything["grok-imagine-video"]
        for name in ("grok-imagine-video", "sora-2-2025-10-06", "fal/grok-imagine-video"):
            assert http.get(f"/v1/models/{name}").json()["id"] == "grok-imagine-video"
        for name in ("veo-3.1", "fal/veo-3.1", "sora-2-pro", "veo-3.2", "fal/veo-3.2"):
            answer = http.get(f"/v1/models/{name}?schema=true")
            assert error_of(answer) == (404, "invalid_request_error", "model_not_found")
            guess = answer.json()["error"]["message"].removeprefix(f"Model {name!r} not found.")
            assert guess == NEAR if name == "sora-2-pro" else guess == " Known models: grok-imagine-video."
    with holder(gateway, admin, models=["fal/fal-ai/own"]) as http:
        assert http.get("/v1/models").json()["data"] == []
        assert http.get("/v1/models/veo-3.1").json()["error"]["message"].endswith("Known models: none.")


NEAR = " Did you mean 'sora-2' or 'sora-2-2025-12-08' or 'sora-2-2025-10-06'?"  # all of them the key's


def test_a_key_is_shown_only_its_own_providers_and_their_prices(gateway: Running, admin: httpx.Client) -> None:
    everything = {model["id"]: model for model in admin.get("/v1/models").json()["data"]}
    assert everything["veo-3.1"]["providers"] == ["fal", "local"]
    with holder(gateway, admin, providers=["fal"]) as http:
        listed = {model["id"]: model for model in http.get("/v1/models").json()["data"]}
        assert set(listed) == {name for name, model in everything.items() if "fal" in model["providers"]}
        veo = http.get("/v1/models/veo-3.1").json()
        assert veo == listed["veo-3.1"]
        assert veo["providers"] == ["fal"]
        assert {name for mode in veo["modes"] for name in mode["providers"]} == {"fal"}
        assert {price["provider"] for price in veo["prices"]} == {"fal"}
        assert error_of(http.get("/v1/models/local/veo-3.1"))[::2] == (404, "model_not_found")
        assert http.get("/v1/models/fal/veo-3.1").json() == veo
    with holder(gateway, admin, providers=["xai"]) as http:  # which is not configured here
        assert http.get("/v1/models").json()["data"] == []
        assert error_of(http.get("/v1/models/veo-3.1"))[::2] == (404, "model_not_found"), "xai does not offer it"


def test_a_budget_refuses_with_402_and_the_balance_says_why(gateway: Running, admin: httpx.Client) -> None:
    with holder(gateway, admin, budget_usd=0.12, budget_period="day", providers=["fal"]) as http:
        first, second, third = (http.post("/v1/videos", json={**BODY, "prompt": f"{n}"}) for n in range(3))
        assert (first.status_code, second.status_code) == (200, 200)
        assert error_of(third) == (402, "insufficient_quota", "budget_exceeded")
        assert "retry-after" not in third.headers
        said = third.json()["error"]["message"]
        assert re.search(r"A new day begins at \d{4}-\d\d-\d\dT00:00Z\. An admin may raise the budget", said)
        assert "GET /v1/balance" in said
        balance = http.get("/v1/balance").json()
        schemas.BalanceObject.model_validate(balance, strict=True)
        assert balance["available"] == {"amount": 0.02, "currency": "usd"}
        assert (balance["limit"], balance["spent"], balance["reserved"], balance["period"]) == (0.12, 0, 0.1, "day")
        assert balance["resets_at"] % 86_400 == 0
        assert 0 < balance["resets_at"] - time.time() <= 86_400
        for made in (first, second):
            http.delete(f"/v1/videos/{made.json()['id']}")
        wait_until(lambda: http.get("/v1/balance").json()["reserved"] == 0, "nothing was sent, nothing is charged")
        assert http.get("/v1/usage").json() == {"object": "list", "data": []}


def test_a_dry_run_says_that_the_budget_would_refuse_it_and_only_then(gateway: Running, admin: httpx.Client) -> None:
    def told(http: httpx.Client, **fields: object) -> list[str]:
        estimate = http.post("/v1/videos?dryRun=true", json={**BODY, **fields}).json()
        Estimate.model_validate(estimate, strict=True)
        assert estimate["total_cost_micros"] == 50_000 * estimate["n"]
        return [each["message"] for each in estimate["warnings"] if each["code"] == "budget_exceeded"]

    with holder(gateway, admin, budget_usd=0.12, providers=["fal"]) as http:
        assert told(http, n=2) == []
        (message,) = told(http, n=3)
        assert message.startswith("this would be refused now. This costs $0.15; $0.12 of this API key's $0.12 is left.")
        made = http.post("/v1/videos", json={**BODY, "n": 2}).json()["id"]
        (message,) = told(http)
        assert http.post("/v1/videos", json=BODY).json()["error"]["message"] in message
        http.delete(f"/v1/videos/{made}")
        wait_until(lambda: http.get("/v1/balance").json()["reserved"] == 0, "nothing was sent, nothing is charged")
        assert told(http) == []
    with holder(gateway, admin, providers=["fal"]) as http:
        assert told(http, n=10) == []


def test_a_replay_needs_no_budget(gateway: Running, admin: httpx.Client) -> None:
    with holder(gateway, admin, budget_usd=0.05, providers=["fal"]) as http:
        once = [http.post("/v1/videos", json=BODY, headers={"idempotency-key": "once"}) for _ in range(3)]
        assert len({each.json()["id"] for each in once}) == 1
        assert [each.headers.get("idempotent-replayed") for each in once] == [None, "true", "true"]
        assert http.get("/v1/balance").json()["reserved"] == 0.05
        http.delete(f"/v1/videos/{once[0].json()['id']}")


def test_without_a_budget_the_balance_is_null_where_nothing_limits(gateway: Running, admin: httpx.Client) -> None:
    with holder(gateway, admin) as http:
        for each in (http, admin):
            balance = each.get("/v1/balance").json()
            schemas.BalanceObject.model_validate(balance, strict=True)
            assert (balance["available"], balance["limit"], balance["resets_at"]) == (None, None, None)


def test_requests_per_minute_are_told_with_every_answer_and_refused_with_429(
    gateway: Running, admin: httpx.Client
) -> None:
    with holder(gateway, admin, requests_per_minute=2) as http:
        answers = [http.post("/v1/videos?dryRun=true", json=BODY) for _ in range(7)]  # in two minutes at the most
        admitted = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert 2 <= len(admitted) <= 4
        assert {error_of(answer) for answer in refused} == {(429, "rate_limit_error", "rate_limit_exceeded")}
        for answer in answers:
            assert answer.headers["x-ratelimit-limit-requests"] == "2"
            assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
        left = [answer.headers["x-ratelimit-remaining-requests"] for answer in admitted]
        assert left in (["1", "0"], ["1", "0", "1"], ["1", "0", "1", "0"], ["1", "1", "0"])  # a minute may have begun
        for answer in refused:
            assert answer.headers["x-ratelimit-remaining-requests"] == "0"
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert answer.headers["x-ratelimit-reset-requests"] == f"{answer.headers['retry-after']}s"
        assert http.get("/v1/videos").status_code == 200, "reading is free"
        assert "x-ratelimit-limit-requests" not in http.get("/v1/videos").headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/videos",
        "/openai/v1/videos/generations",
        "/v1/videos/edits",
        "/v1/files",
        "/v1/webhook_endpoints/we_1/test",
        "/v1/webhook_deliveries/whd_1/resend",
    ],
)
def test_whatever_makes_something_counts_even_where_it_is_refused(
    gateway: Running, admin: httpx.Client, path: str
) -> None:
    with holder(gateway, admin, requests_per_minute=100) as http:
        assert http.post(path, json={}).headers["x-ratelimit-limit-requests"] == "100"


def test_places_are_refused_with_429_until_one_is_free(gateway: Running, admin: httpx.Client) -> None:
    with holder(gateway, admin, max_concurrent=2, providers=["fal"]) as http:
        made = http.post("/v1/videos", json={**BODY, "n": 2}).json()
        busy = http.post("/v1/videos", json=BODY)
        assert error_of(busy) == (429, "rate_limit_error", "concurrency_limit_exceeded")
        assert int(busy.headers["retry-after"]) > 0
        never = http.post("/v1/videos", json={**BODY, "n": 3})
        assert (never.status_code, never.json()["error"]["param"]) == (400, "n"), "a 429 would be tried for ever"
        http.post(f"/v1/videos/{made['id']}/cancel")
        freed = http.post("/v1/videos", json=BODY)
        assert freed.status_code == 200
        http.delete(f"/v1/videos/{freed.json()['id']}")


def test_a_reader_sees_what_is_its_own_and_makes_and_changes_nothing(gateway: Running, admin: httpx.Client) -> None:
    made = make(admin, providers=["fal"])
    with client(gateway, made["key"]) as http:
        video = http.post("/v1/videos", json=BODY).json()
        file = http.post("/v1/files", files={"file": ("a.png", PICTURE)}).json()
        admin.patch(f"/v1/keys/{made['id']}", json={"role": "reader"})
        paths = gateway.http.get("/openapi.json").json()["paths"]
        for path, operations in paths.items():
            names = dict.fromkeys(re.findall(r"{(\w+)}", path), "x")
            named = path.format_map(names | {"video_id": video["id"], "file_id": file["id"]})
            for method in operations:
                if path.startswith("/v1/") and "/callbacks/" not in path and method not in ("get", "head"):
                    answer = http.request(method.upper(), named, json={"prompt": "x", "name": "x"})
                    assert error_of(answer) == (403, "permission_error", "permission_denied"), (method, path)
        assert http.get(f"/v1/videos/{video['id']}").json()["status"] in ("queued", "in_progress")
        assert http.get(f"/v1/files/{file['id']}").status_code == 200
        assert http.get("/v1/keys").status_code == 403
        admin.patch(f"/v1/keys/{made['id']}", json={"role": "member"})
        assert http.delete(f"/v1/videos/{video['id']}").status_code == 200


def test_a_key_is_rotated_with_or_without_a_body(gateway: Running, admin: httpx.Client) -> None:
    made = make(admin)
    path = f"/v1/keys/{made['id']}/rotate"
    graceful = admin.post(path, json={"grace_seconds": 60}).json()
    schemas.KeyObject.model_validate(graceful, strict=True)
    assert graceful["previous_expires_at"] - time.time() <= 60
    hard = admin.post(path).json()
    assert hard["previous_expires_at"] is None
    assert len({made["key"], graceful["key"], hard["key"]}) == 3
    statuses = []
    for each in (made, graceful, hard):
        with client(gateway, each["key"]) as http:
            statuses.append(http.get("/v1/balance").status_code)
    assert statuses == [401, 401, 200]
    assert admin.post(path, json={"grace_seconds": -1}).json()["error"]["param"] == "grace_seconds"
    assert admin.post("/v1/keys/key_none/rotate").status_code == 404
    assert admin.patch("/v1/keys/key_none", json={"name": "x"}).status_code == 404
    assert admin.get("/v1/keys/key_none").status_code == 404
