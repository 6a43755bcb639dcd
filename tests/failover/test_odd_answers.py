"""Answers that are easily misread: none sends a refused or a paid job to a second provider, or blames the wrong one."""

from __future__ import annotations

import base64
import io
import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.providers.fal.doubts import APART
from tests.failover.system import PRICE, story
from tests.upstreams import aimlapi_errors, xai_errors
from tests.upstreams.behaviour import Do, Rule, answer, fail

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.failover.system import System

pytestmark = pytest.mark.thorough

FLAGGED: JsonValue = {"detail": [{"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}]}
TOO_LARGE = answer(413, {"detail": "File too large"})
ACCOUNT = "Your team 8f1c-ACME has used all available credits. Go to https://console.x.ai/team/8f1c-ACME/billing"
NO_ACCESS = "The model grok-imagine-video does not exist or your team 8f1c-ACME does not have access to it."


def noise(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(file, "PNG", compress_level=0)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        "Generated video rejected by content moderation.",
        '400 {"type": "error", "error": {"code": "content_policy_violation", "message": "no"}}',
    ],
)
def test_a_policy_refusal_in_words_alone_goes_to_nobody_else(system: System, text: str) -> None:
    system.misbehave("aimlapi", Rule(on="job", do=fail(error=text)))
    system.start(providers=("aimlapi", "fal"))
    assert story(system.wait(system.create())) == [("aimlapi", "failed", "moderation_blocked")]
    assert system.paid() == {"aimlapi": 1}


@pytest.mark.parametrize(
    "passing",
    [
        answer(503, {"detail": "Runner gone", "error_type": "runner_connection_error"}),
        answer(429, {"detail": "Too many requests"}),
    ],
)
def test_a_passing_fault_of_fals_result_hides_no_policy_refusal(system: System, passing: Do) -> None:
    system.misbehave("fal", Rule(on="job", do=fail(422, FLAGGED, units=1.0)), Rule(on="result", do=passing))
    system.start(providers=("fal", "xai"))
    video_id = system.create()
    system.until(lambda: system.arrived("fal", "result") == 1)
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    while system.get(video_id)["status"] == "in_progress":
        system.advance(APART)
    assert story(system.get(video_id)) == [("fal", "failed", "moderation_blocked")]
    assert system.charged() == {"fal": PRICE}


def test_one_404_on_a_status_ends_no_paid_job(system: System) -> None:
    system.misbehave("fal", Rule(on="status", do=answer(404, {"status": "NOT_FOUND"})))
    system.start(providers=("fal",))
    video = system.outlast(system.create())
    assert story(video) == [("fal", "completed", None)]
    assert system.charged() == {"fal": PRICE}


@pytest.mark.parametrize(("usage", "ended_at"), [({}, "xai"), ({"usage": {"cost_in_usd_ticks": 0}}, "fal")])
def test_a_failure_goes_elsewhere_only_when_xai_says_that_it_was_free(
    system: System, usage: dict[str, JsonValue], ended_at: str
) -> None:
    failed: JsonValue = {"status": "failed", "error": {"code": "internal_error", "message": "x"}, **usage}
    system.misbehave("xai", Rule(on="status", do=answer(200, failed)))
    system.start(providers=("xai", "fal"))
    video = system.wait(system.create())
    assert video["metadata"]["provider"] == ended_at
    assert ("fal" in system.paid()) is (ended_at == "fal")


@pytest.mark.parametrize(
    ("first", "gone"),
    [
        ("fal", answer(404, {"detail": "Path /grok-imagine-video/text-to-video not found"})),
        ("aimlapi", answer(404, aimlapi_errors.error(404, "Model is deprecated"))),
        ("xai", answer(404, xai_errors.error("not-found", NO_ACCESS))),
    ],
)
def test_a_model_that_a_provider_has_no_longer_is_asked_of_the_next(system: System, first: str, gone: Do) -> None:
    second = "xai" if first == "fal" else "fal"
    system.misbehave(first, Rule(on="submit", do=gone, times=None))
    system.start(providers=(first, second))
    video = system.wait(system.create())
    assert story(video) == [(first, "refused", "provider_error"), (second, "completed", None)]
    assert "ACME" not in str(video)


@pytest.mark.parametrize("status", [403, 429])
def test_nothing_about_the_operators_account_is_told_to_clients(
    system: System, status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    refusal = answer(status, xai_errors.error("permission-denied", ACCOUNT))
    system.misbehave("xai", Rule(on="submit", do=refusal, times=None))
    system.start(providers=("xai",))
    video = system.wait(system.create())
    assert video["error"]["code"] == "provider_balance_exhausted"
    assert "ACME" not in str(video)
    assert "console.x.ai" not in str(video)
    assert "ACME" in "".join((caplog.text, *capfd.readouterr()))


def test_files_that_fals_storage_refuses_say_nothing_of_fal(system: System) -> None:
    system.misbehave("fal", Rule(on="upload", do=TOO_LARGE, times=None))
    system.start(providers=("fal", "xai"))
    picture = noise(300, 300)
    videos = [system.wait(system.create(image_url=picture)) for _ in range(6)]
    assert {tuple(story(video)) for video in videos} == {
        (("fal", "refused", "invalid_input"), ("xai", "completed", None))
    }
    assert story(system.wait(system.create())) == [("fal", "completed", None)]


def test_a_file_that_nobody_takes_fails_at_once(system: System) -> None:
    system.misbehave("fal", Rule(on="upload", do=TOO_LARGE, times=None))
    system.start(providers=("fal",))
    video = system.wait(system.create(image_url=noise(300, 300)))
    assert (video["status"], video["error"]["code"]) == ("failed", "invalid_input")
    assert "File too large" in video["error"]["message"]
    assert system.arrived("fal", "upload") == 1


def test_uploads_that_fail_keep_no_submit_away(system: System) -> None:
    system.misbehave("fal", Rule(on="upload", do=answer(500, {"detail": "storage is down"}), times=None))
    system.start(providers=("fal", "xai"))
    for _ in range(6):
        video = system.wait(system.create(image_url=noise(300, 300)))
        assert story(video) == [("fal", "unavailable", None), ("xai", "completed", None)]
    assert story(system.wait(system.create())) == [("fal", "completed", None)]


def test_an_image_too_large_for_one_is_made_by_another(system: System) -> None:
    system.start(providers=("xai", "fal"))
    video = system.wait(system.create(image_url=noise(2000, 2000)))
    assert story(video) == [("xai", "refused", "invalid_input"), ("fal", "completed", None)]
