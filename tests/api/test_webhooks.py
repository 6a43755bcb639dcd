"""Webhooks over HTTP, with the OpenAI SDK as it is: endpoints, secrets, tests, the log, and whose they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
from openai import OpenAI
from standardwebhooks import Webhook

from app.api import webhook_schemas as schemas
from tests.receiver import DROP, status, wait_until
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.receiver import Receiver
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-webhook-tests"
TYPES: Any = ["video.completed", "video.failed", "video.cancelled"]  # the SDK's list lacks the last
ROUTES = [
    ("POST", "/v1/webhook_endpoints"),
    ("GET", "/v1/webhook_endpoints"),
    ("GET", "/v1/webhook_endpoints/{}"),
    ("POST", "/v1/webhook_endpoints/{}"),
    ("DELETE", "/v1/webhook_endpoints/{}"),
    ("POST", "/v1/webhook_endpoints/{}/rotate_secret"),
    ("POST", "/v1/webhook_endpoints/{}/test"),
    ("GET", "/v1/webhook_endpoints/{}/deliveries"),
    ("GET", "/v1/webhook_deliveries"),
    ("POST", "/v1/webhook_deliveries/{}/resend"),
    ("GET", "/v1/webhook_event_types"),
    ("GET", "/v1/webhooks/secret"),
    ("POST", "/v1/webhooks/secret/rotate"),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve with keys required, and loopback open to webhooks."""
    settings = settings_for(
        tmp_path_factory.mktemp("webhooks"), admin_key=ADMIN_KEY, allow_private_networks="127.0.0.1"
    )
    with serve(settings) as running:
        yield running


@pytest.fixture
def key(guarded: Running) -> str:
    """Make a key for one test."""
    return make_key(guarded)


def make_key(gateway: Running) -> str:
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    return str(gateway.http.post("/v1/keys", json={"name": "test"}, headers=admin).json()["key"])


@pytest.fixture
def http(guarded: Running, key: str) -> Iterator[httpx.Client]:
    with guarded.idle(), holder(guarded, key) as client:  # what is cancelled has not ended before
        yield client


def holder(gateway: Running, key: str) -> httpx.Client:
    return httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {key}"}, timeout=60)


@pytest.fixture
def sdk(guarded: Running, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{guarded.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def end_video(http: httpx.Client, **fields: object) -> str:
    body = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p", **fields}
    answer = http.post("/v1/videos", json=body)
    assert answer.status_code == 200, answer.text
    video_id = str(answer.json()["id"])
    assert http.post(f"/v1/videos/{video_id}/cancel").json()["status"] == "failed"
    return video_id


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def test_the_openai_sdk_manages_endpoints(sdk: OpenAI) -> None:
    made = sdk.webhooks.create(name="first", url="https://1.1.1.1/hook", event_types=TYPES)
    assert made.signing_secret.startswith("whsec_")
    assert made.event_types == TYPES
    found = sdk.webhooks.retrieve(made.id)
    assert (found.name, found.url, found.created_at) == ("first", "https://1.1.1.1/hook", made.created_at)
    changed = sdk.webhooks.update(made.id, name="renamed", event_types=["video.failed"])
    assert (changed.name, changed.url, changed.event_types) == ("renamed", found.url, ["video.failed"])
    others = [sdk.webhooks.create(name=f"n{n}", url="https://1.1.1.1:8443/", event_types=TYPES).id for n in range(4)]
    assert [each.id for each in sdk.webhooks.list(limit=2)] == [*reversed(others), made.id]
    deleted = sdk.webhooks.delete(made.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (made.id, True, "webhook_endpoint.deleted")
    with pytest.raises(openai.NotFoundError):
        sdk.webhooks.retrieve(made.id)
    assert sdk.webhooks.event_types.list().data == TYPES


def test_the_openai_sdk_unwraps_what_a_finished_video_sends(
    guarded: Running, key: str, sdk: OpenAI, receiver: Receiver
) -> None:
    made = sdk.webhooks.create(name="a", url=receiver.url(), event_types=["video.completed", "video.failed"])
    asked = {"model": "sora-2", "prompt": "a calm sea", "seconds": "4", "resolution": "480p"}
    headers = {"authorization": f"Bearer {key}"}
    video_id = guarded.http.post("/v1/videos", json=asked, headers=headers).json()["id"]
    (got,) = receiver.wait(1)
    unwrapped: Any = sdk.webhooks.unwrap(got.body, got.headers, secret=made.signing_secret)
    assert (unwrapped.type, unwrapped.data.id) == ("video.completed", video_id)
    event = got.event
    assert event["data"] == {
        "id": video_id,
        "object": "video.generation",
        "model": "sora-2",
        "status": "completed",
        "output": {"url": event["data"]["output"]["url"]},
        "error": None,
    }
    assert event["data"]["output"]["url"].startswith(guarded.url)
    assert guarded.http.get(event["data"]["output"]["url"]).content[4:8] == b"ftyp"
    assert guarded.http.get(f"/v1/videos/{video_id}", headers=headers).json()["status"] == "completed"
    assert len(receiver.got) == 1


def test_the_url_of_a_request_is_signed_with_the_secret_that_lumenfalls_route_shows(
    http: httpx.Client, receiver: Receiver
) -> None:
    video_id = end_video(http, webhook_url=receiver.url())
    (got,) = receiver.wait(1)
    secret = http.get("/v1/webhooks/secret").json()
    assert list(secret) == ["key"]
    assert http.get("/openai/v1/webhooks/secret").json() == secret
    event = Webhook(secret["key"]).verify(got.body, got.headers)
    assert (event["type"], event["data"]["id"]) == ("video.cancelled", video_id)
    assert (event["data"]["status"], event["data"]["error"]["code"]) == ("failed", "cancelled")
    rotated = http.post("/v1/webhooks/secret/rotate", json={"keep_old_secret_active_for_24_hours": True}).json()
    assert rotated == http.get("/v1/webhooks/secret").json() != secret
    end_video(http, webhook_url=receiver.url())
    for each in (secret, rotated):
        assert Webhook(each["key"]).verify(receiver.wait(2)[1].body, receiver.got[1].headers)
    malformed = http.post("/v1/webhooks/secret/rotate", json={"grace": 1})
    assert error_of(malformed) == (400, "invalid_value", "grace")


def test_a_test_event_is_sent_at_once_and_its_status_told(sdk: OpenAI, receiver: Receiver) -> None:
    made = sdk.webhooks.create(name="a", url=receiver.url(), event_types=TYPES)
    receiver.answers = [status(418)]
    found = sdk.webhooks.test(made.id, event_type="video.failed")
    assert (found.status_code, found.success, found.event_type) == (418, True, "video.failed")
    (got,) = receiver.got
    unwrapped: Any = sdk.webhooks.unwrap(got.body, got.headers, secret=made.signing_secret)
    assert unwrapped.type == "video.failed"
    receiver.answer = DROP
    with pytest.raises(openai.BadRequestError, match="did not arrive"):
        sdk.webhooks.test(made.id, event_type="video.completed")


def test_an_endpoint_is_disabled_and_enabled_by_its_status(http: httpx.Client, receiver: Receiver) -> None:
    asked = {"name": "a", "url": receiver.url(), "event_types": TYPES}
    path = f"/v1/webhook_endpoints/{http.post('/v1/webhook_endpoints', json=asked).json()['id']}"
    disabled = http.post(path, json={"status": "disabled"}).json()
    schemas.Endpoint.model_validate(disabled, strict=True)
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "It was disabled by hand.")
    end_video(http)
    assert http.get(f"{path}/deliveries").json()["data"] == []
    assert error_of(http.post(path, json={"status": "asleep"})) == (400, "invalid_value", "status")
    enabled = http.post(path, json={"status": "enabled"}).json()
    assert (enabled["status"], enabled["disabled_at"], enabled["disabled_reason"]) == ("enabled", None, None)
    video_id = end_video(http)
    (got,) = receiver.wait(1)
    assert got.event["data"]["id"] == video_id


def test_a_secret_is_shown_when_it_is_made_and_never_again(
    http: httpx.Client, sdk: OpenAI, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    made = sdk.webhooks.create(name="a", url=receiver.url(), event_types=TYPES)
    rotated = sdk.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
    secrets = {made.signing_secret, rotated.signing_secret}
    assert len(secrets) == 2
    assert (rotated.signing_secret_hint or "").endswith(rotated.signing_secret[-4:])
    end_video(http)
    (got,) = receiver.wait(1)
    for secret in secrets:
        sdk.webhooks.unwrap(got.body, got.headers, secret=secret)
    path = f"/v1/webhook_endpoints/{made.id}"
    answers = [
        http.get(path).text,
        http.get("/v1/webhook_endpoints").text,
        http.post(path, json={"name": "b"}).text,
        http.get(f"{path}/deliveries").text,
        http.post(path, json={"url": "x"}).text,
        http.post(f"{path}/test", json={"event_type": "video.failed"}).text,
        http.delete(path).text,
        *capfd.readouterr(),
    ]
    assert not [secret for secret in secrets for answer in answers if secret[6:20] in answer]


def test_the_log_tells_every_attempt_and_sends_again(http: httpx.Client, receiver: Receiver) -> None:
    receiver.answer = status(200, b"thank you")
    video_id = end_video(http, webhook_url=receiver.url("/hook?id=1"))
    page = {"video_id": video_id, "status": "delivered"}
    wait_until(lambda: http.get("/v1/webhook_deliveries", params=page).json()["data"], "delivery")
    found = http.get("/v1/webhook_deliveries", params=page).json()
    schemas.DeliveryList.model_validate(found, strict=True)
    (delivery,) = found["data"]
    assert delivery["event_id"] == receiver.ids[0]
    assert (delivery["event_type"], delivery["url"]) == ("video.cancelled", receiver.url("/hook?id=1"))
    (attempt,) = delivery["attempts"]
    assert (attempt["status_code"], attempt["answer"], attempt["error"]) == (200, "thank you", None)
    again = http.post(f"/v1/webhook_deliveries/{delivery['id']}/resend")
    schemas.Delivery.model_validate(again.json(), strict=True)
    assert again.json()["status"] == "pending"
    receiver.wait(2)
    assert len(set(receiver.ids)) == 1


def test_answers_are_what_the_schema_says(http: httpx.Client) -> None:
    asked = {"name": "a", "url": "https://1.1.1.1/", "event_types": TYPES}
    made = http.post("/v1/webhook_endpoints", json=asked).json()
    schemas.Endpoint.model_validate(made, strict=True)
    schemas.EndpointList.model_validate(http.get("/v1/webhook_endpoints").json(), strict=True)
    assert http.post(f"/v1/webhook_endpoints/{made['id']}", json={}).json()["updated_at"] == made["updated_at"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"url": "https://1.1.1.1/", "event_types": TYPES}, ("missing_required_parameter", "name")),
        ({"name": "a", "event_types": TYPES}, ("missing_required_parameter", "url")),
        ({"name": "a", "url": "https://1.1.1.1/"}, ("missing_required_parameter", "event_types")),
        ({"name": "", "url": "https://1.1.1.1/", "event_types": TYPES}, ("invalid_value", "name")),
        ({"name": "a", "url": "https://1.1.1.1/", "event_types": []}, ("invalid_value", "event_types")),
        ({"name": "a", "url": "https://1.1.1.1/", "event_types": ["batch.failed"]}, ("invalid_value", "event_types")),
        ({"name": "a", "url": "https://1.1.1.1/", "event_types": TYPES, "secret": "x"}, ("invalid_value", "secret")),
        ({"name": "a", "url": "nonsense", "event_types": TYPES}, ("url_not_allowed", "url")),
        ({"name": "a", "url": "https://10.0.0.1/", "event_types": TYPES}, ("url_not_allowed", "url")),
        ({"name": "a", "url": "https://1.1.1.1:8080/", "event_types": TYPES}, ("url_not_allowed", "url")),
        ({"name": "a", "url": "https://u:p@1.1.1.1/", "event_types": TYPES}, ("url_not_allowed", "url")),
    ],
)
def test_a_malformed_endpoint_is_refused(http: httpx.Client, body: object, expected: tuple[str, str]) -> None:
    answer = http.post("/v1/webhook_endpoints", json=body)
    assert error_of(answer) == (400, *expected)


@pytest.mark.parametrize("query", [{}, {"dryRun": "true"}])
@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/",
        "https://169.254.169.254/",
        "https://1.1.1.1:22/",
        "ftp://1.1.1.1/",
        "https://a.invalid:65536/",
    ],
)
def test_a_request_with_a_webhook_url_of_the_inside_makes_no_video(
    http: httpx.Client, url: str, query: dict[str, str]
) -> None:
    answer = http.post("/v1/videos", json={"prompt": "x", "webhook_url": url}, params=query)
    assert error_of(answer) == (400, "url_not_allowed", "webhook_url")
    assert http.get("/v1/videos").json()["data"] == []


def test_a_webhook_url_is_nothing_to_warn_of(http: httpx.Client) -> None:
    body = {"prompt": "x", "seconds": 1, "resolution": "480p", "webhook_url": "https://1.1.1.1/"}
    warnings = http.post("/v1/videos", json=body, params={"dryRun": "true"}).json()["warnings"]
    assert "webhook_url" not in {each["param"] for each in warnings}


def test_twenty_endpoints_are_enough(http: httpx.Client) -> None:
    asked = {"name": "a", "url": "https://1.1.1.1/", "event_types": TYPES}
    answers = [http.post("/v1/webhook_endpoints", json=asked) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [400]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_answers_without_a_key(guarded: Running, method: str, path: str) -> None:
    answer = guarded.http.request(method, path.format("x"))
    assert error_of(answer)[:2] == (401, "missing_api_key")


def test_webhooks_of_another_key_are_nowhere_to_be_found(
    guarded: Running, http: httpx.Client, receiver: Receiver
) -> None:
    asked = {"name": "a", "url": receiver.url(), "event_types": TYPES}
    endpoint = http.post("/v1/webhook_endpoints", json=asked).json()
    video_id = end_video(http)
    receiver.wait(1)
    (delivery,) = http.get("/v1/webhook_deliveries").json()["data"]
    with holder(guarded, make_key(guarded)) as stranger:
        bodies = {"test": {"event_type": "video.failed"}}
        for method, path in ROUTES:
            if "{}" in path:
                each = path.format(delivery["id"] if "deliveries/" in path else endpoint["id"])
                answer = stranger.request(method, each, json=bodies.get(path.rpartition("/")[2], {}))
                assert error_of(answer)[:2] == (404, "not_found"), each
        for path in ("/v1/webhook_endpoints", "/v1/webhook_deliveries"):
            for query in ({}, {"after": endpoint["id"]}, {"after": delivery["id"]}, {"video_id": video_id}):
                found = stranger.get(path, params=query).json()
                assert (found["data"], found["has_more"]) == ([], False)
        assert stranger.get("/v1/webhooks/secret").json() != http.get("/v1/webhooks/secret").json()
        end_video(stranger)
        end_video(http)
    receiver.wait(2)
    assert len(receiver.got) == 2, "a stranger's video is told to nobody"
    assert http.get(f"/v1/webhook_endpoints/{endpoint['id']}").json()["name"] == "a"


def test_pages_of_the_log_lead_through_everything(http: httpx.Client, receiver: Receiver) -> None:
    ended = [end_video(http, webhook_url=receiver.url()) for _ in range(5)]
    seen: list[str] = []
    page: dict[str, Any] = {"has_more": True, "last_id": None}
    while page["has_more"]:
        query = {"limit": 2, **({"after": page["last_id"]} if page["last_id"] else {})}
        page = http.get("/v1/webhook_deliveries", params=query).json()
        seen += [each["video_id"] for each in page["data"]]
    assert seen == ended[::-1]
    assert json.loads(receiver.wait(5)[0].body)["object"] == "event"
