"""fal's answers read one by one: every shape of an error, an output and a price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Misconfigured
from app.providers.fal.doubts import Unsure
from app.providers.fal.errors import Complaint, read_error
from app.providers.fal.results import billable_units, micro_dollars, read_result, read_status, video_url
from app.providers.http import Reply
from tests.providers.fal.bench import entry, listed, request_error
from tests.upstreams.fal_checks import EXHAUSTED

if TYPE_CHECKING:
    from app.domain.plain import Json

Answer = Pending | Succeeded | Failed | Unsure
TOLD = Complaint("", "Invalid status code: 422")
GONE = "404 NOT_FOUND"
URL = "https://v3.fal.media/a.mp4"
VIDEO: Json = {"video": {"url": URL}}


@pytest.mark.parametrize(
    ("reply", "told", "expected"),
    [
        # the failure's details have expired: what the status told must do
        (Reply(404, {}, {"status": "NOT_FOUND"}), TOLD, Unsure(Failed("provider_error", TOLD.message), GONE)),
        (
            Reply(404, {}, {"status": "NOT_FOUND"}),
            Complaint("content_policy_violation", "flagged"),
            Unsure(Failed("moderation_blocked", "flagged"), GONE),
        ),
        # a fault of the question, and a status that knows more, or as much
        (
            Reply(503, {}, request_error("runner_connection_error")),
            Complaint("content_policy_violation", "flagged"),
            Unsure(Failed("moderation_blocked", "flagged"), "503 runner_connection_error"),
        ),
        (
            Reply(503, {}, {"detail": "Service Unavailable"}),
            Complaint("content_policy_violation", "flagged"),
            Unsure(Failed("moderation_blocked", "flagged"), "503 "),
        ),
        (
            Reply(503, {}, request_error("runner_connection_error")),
            Complaint("runner_connection_error", "x"),
            Failed("provider_error", "no", elsewhere=True),
        ),
        # the type in the status, the words in the result
        (
            Reply(500, {}, {"detail": "boom"}),
            Complaint("runner_server_error", "x"),
            Failed("provider_error", "boom", elsewhere=True),
        ),
        # a paid video is delivered, whatever the status says
        (Reply(200, {"x-fal-billable-units": "1"}, VIDEO), TOLD, Succeeded(url=URL, cost=50_000)),
        (Reply(200, {"x-fal-billable-units": "0"}, VIDEO), None, Succeeded(url=URL, cost=0)),
        (Reply(200, {}, VIDEO), None, Succeeded(url=URL)),
        (Reply(200, {}, {}), TOLD, Failed("provider_error", TOLD.message)),
        # a 4xx without billable units may have been charged; the newer and the older retry header
        (Reply(400, {}, request_error("downstream_service_error")), TOLD, Failed("provider_error", "no")),
        (
            Reply(422, {"x-fal-billable-units": "0", "x-fal-needs-retry": "1"}, listed("no_media_generated")),
            TOLD,
            Failed("provider_error", "prompt: no", elsewhere=True),
        ),
        (
            Reply(422, {"x-fal-billable-units": "0", "x-fal-retryable": "true"}, listed("a_type_of_tomorrow")),
            TOLD,
            Failed("provider_error", "prompt: no", elsewhere=True),
        ),
        (
            Reply(422, {"x-fal-billable-units": "0", "x-fal-retryable": "true"}, listed("content_policy_violation")),
            TOLD,
            Failed("moderation_blocked", "prompt: no"),
        ),
        # "a 5xx is never billed", but the header knows better
        (
            Reply(500, {"x-fal-billable-units": "2"}, listed("internal_server_error")),
            TOLD,
            Failed("provider_error", "prompt: no", 100_000),
        ),
    ],
)
def test_results_that_the_fake_does_not_give(reply: Reply, told: Complaint | None, expected: Answer) -> None:
    assert read_result(reply, told, 0.05) == expected


def test_a_lock_is_about_the_key_even_for_a_failed_job() -> None:
    with pytest.raises(Misconfigured):
        read_result(Reply(403, {}, {"detail": EXHAUSTED}), TOLD, None)


def test_a_failed_status_carries_its_words() -> None:
    read = read_status(Reply(200, {}, {"status": "COMPLETED", "error_type": "internal_error"}))
    assert getattr(read, "error", None) == Complaint("internal_error", "internal_error")


@pytest.mark.parametrize(
    ("body", "headers", "complaint"),
    [
        (
            {"detail": [entry("missing", "Field required", "prompt")]},
            {},
            Complaint("missing", "prompt: Field required"),
        ),
        ({"detail": [{"type": "t"}]}, {}, Complaint("t", "t")),
        ({"detail": [{"loc": "odd"}]}, {}, Complaint("", "not accepted")),
        ({"detail": {"msg": "alone", "type": "t"}}, {}, Complaint("t", "alone")),
        ({"detail": "text"}, {"x-fal-error-type": "t"}, Complaint("t", "text")),
        ({"detail": ""}, {}, Complaint("", "no reason given")),
        ({"error": "text", "error_type": "t"}, {}, Complaint("t", "text")),
        ({"error": {"type": "t", "message": "m"}}, {}, Complaint("t", "m")),
        ({"status": "NOT_FOUND"}, {}, Complaint("NOT_FOUND", "NOT_FOUND")),
        (
            {"detail": [entry("t", "secret", "url", input="data:…")] * 9},
            {},
            Complaint("t", "; ".join(["url: secret"] * 5)),
        ),
        ({"detail": []}, {}, None),
        ({"detail": [7]}, {}, None),
        ({}, {}, None),
        ([], {}, None),
        (None, {}, None),
    ],
)
def test_every_shape_of_an_error_is_read(body: Json, headers: dict[str, str], complaint: Complaint | None) -> None:
    assert read_error(Reply(422, headers, body)) == complaint


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (VIDEO, URL),
        ({"video": [{"url": "https://a/1.mp4"}, {"url": "https://a/2.mp4"}]}, "https://a/1.mp4"),
        ({"videos": [{"url": "https://a/1.mp4"}]}, "https://a/1.mp4"),
        ({"video": "https://a/1.mp4"}, "https://a/1.mp4"),
        ({"video": None, "videos": []}, None),
        ({"video": {"url": "file:///etc/passwd"}}, None),
        ({"video": {"url": 7}}, None),
        ([], None),
    ],
)
def test_the_video_is_found_in_every_output_shape(body: Json, url: str | None) -> None:
    assert video_url(body) == url


@pytest.mark.parametrize(
    ("units", "price", "cost"),
    [
        ("8.439999999999998", 0.05, 422_000),
        ("0.00001", 0.05, 1),  # half up
        ("0", None, 0),
        ("1", None, None),
        ("", 0.05, None),
        ("NaN", 0.05, None),
        ("-1", 0.05, None),
        ("1e30", 0.05, None),
        ("many", 0.05, None),
    ],
)
def test_units_become_micro_dollars(units: str, price: float | None, cost: int | None) -> None:
    assert micro_dollars(billable_units(Reply(200, {"x-fal-billable-units": units})), price) == cost
