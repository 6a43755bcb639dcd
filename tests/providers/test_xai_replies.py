"""Answers that no fake gives, read by the pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Rejected
from app.providers.http import Reply
from app.providers.xai.replies import read_cost, read_refusal, read_status, unknown_word

if TYPE_CHECKING:
    from app.domain.plain import Json

FILM = "https://vidgen.x.ai/xai-vidgen-bucket/xai-video-1.mp4"
FLAGGED = "xAI's content moderation blocked the generated video."


@pytest.mark.parametrize(
    ("ticks", "cost"),
    [
        (2_500_000_000, 250_000),  # 5 s at 480p (vercel/ai #13390)
        (8_500_000_000, 850_000),
        (10_000_000_000, 1_000_000),
        (0, 0),
        (4_999, 0),
        (5_000, 1),
        (15_000, 2),
        ("2500000000", 250_000),  # as protobuf writes 64-bit numbers in JSON
        (2.5e9, 250_000),
        (True, None),
        (None, None),
        ("many", None),
        (float("nan"), None),
        (float("inf"), None),
        (-1_000_000, None),
        (10**30, None),
    ],
)
def test_ticks_are_micro_dollars_half_up(ticks: Json, cost: int | None) -> None:
    assert read_cost(Reply(200, {}, {"usage": {"cost_in_usd_ticks": ticks}})) == cost


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, {"status": "pending", "progress": 7.9}, Pending(7)),
        (200, {"status": "pending", "progress": 100}, Pending(99)),
        (200, {"status": "pending", "progress": float("inf")}, Pending(99)),
        (200, {"status": "pending", "progress": float("nan")}, Pending()),
        (200, {"status": "pending", "progress": -1}, Pending()),
        (200, {"status": "pending", "progress": True}, Pending()),
        (200, {"status": "queued"}, Pending()),
        (200, {}, Pending()),
        (202, None, Pending()),
        (202, [], Pending()),
        (200, {"status": "completed", "video": {"url": FILM}}, Succeeded(url=FILM)),
        (200, {"video": {"url": FILM}}, Succeeded(url=FILM)),
        (200, {"status": "done", "video": {"url": ""}}, Failed("moderation_blocked", FLAGGED)),
        (
            200,
            {"status": "done", "video": {"url": FILM, "respect_moderation": False}},
            Failed("moderation_blocked", FLAGGED),
        ),
        (
            200,
            {"status": "done", "video": {"url": "ftp://x"}},
            Failed("provider_error", "xAI finished the job without a video."),
        ),
        (200, {"status": "failed"}, Failed("provider_error", "xAI: the job failed")),
        (
            200,
            {"status": "failed", "error": {"code": "internal_error"}},
            Failed("provider_error", "xAI: internal_error"),
        ),
        (
            200,
            {"status": "failed", "error": {"code": "internal_error"}, "usage": {"cost_in_usd_ticks": 0}},
            Failed("provider_error", "xAI: internal_error", 0, elsewhere=True),
        ),
        (
            200,
            {"status": "expired", "usage": {"cost_in_usd_ticks": 10_000}},
            Failed("media_unavailable", "xAI kept the video no longer.", 1),
        ),
    ],
)
def test_every_answer_to_a_poll_has_its_state(status: int, body: Json, result: object) -> None:
    assert read_status(Reply(status, {}, body)) == result


def test_only_words_that_no_document_names_are_unknown() -> None:
    words = ("pending", "Queued", "done", "failed", "expired", None, 3, "polishing")
    unknown = [unknown_word(Reply(200, {}, {"status": word})) for word in words]
    assert unknown == [None] * 7 + ["polishing"]


def test_a_refused_submit_that_was_billed_says_what_it_cost() -> None:
    body: Json = {
        "code": "invalid-argument",
        "error": "Content moderation.",
        "usage": {"cost_in_usd_ticks": 2_500_000_000},
    }
    refusal = read_refusal(Reply(400, {}, body))
    assert isinstance(refusal, Rejected)
    assert refusal.cost == 250_000
