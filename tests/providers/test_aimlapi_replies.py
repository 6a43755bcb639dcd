"""Answers that no fake gives, read by the pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.providers.aimlapi.replies import read_accepted, read_cost, read_status
from app.providers.base import Failed, Pending, Succeeded
from app.providers.http import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.domain.plain import Json

FILM = "https://cdn.aimlapi.com/xenops/xai-vidgen-bucket/xai-video-1.mp4"


def usage(**parts: Json) -> Json:
    return {"id": "x", "meta": {"usage": parts}}


@pytest.mark.parametrize(
    ("body", "headers", "cost"),
    [
        (usage(credits_used=1_040_000, usd_spent=0.52), {}, 520_000),
        (usage(credits_used=1_040_000), {}, 520_000),
        (usage(credits_used=1_040_001), {}, 520_001),  # half up
        (usage(usd_spent=0.0000005), {}, 1),
        (usage(usd_spent=0.0000004), {}, 0),
        (usage(usd_spent=0.1 + 0.2), {}, 300_000),
        (usage(usd_spent=0), {}, 0),
        (usage(usd_spent="0.52"), {}, 520_000),
        (usage(usd_spent="much", credits_used=2), {}, 1),
        (usage(usd_spent=float("nan"), credits_used=True), {}, None),
        (usage(usd_spent=-1), {}, None),
        (usage(usd_spent=1e300), {}, None),
        (usage(usd_spent=[1]), {"x-aimlapi-usd-spent": "0.052000000"}, 52_000),
        (None, {"x-aimlapi-credits-used": "104000"}, 52_000),
        ({"id": "x", "meta": None}, {}, None),
    ],
)
def test_the_cost_in_micro_dollars(body: Json, headers: Mapping[str, str], cost: int | None) -> None:
    assert read_cost(Reply(200, headers, body)) == cost


@pytest.mark.parametrize(
    ("reply", "operation_id"),
    [
        (Reply(201, {}, {"id": "60ac7c34-3224-4b14-8e7d-0aa0db708325"}), "60ac7c34-3224-4b14-8e7d-0aa0db708325"),
        (Reply(201, {}, {"generation_id": 106916112212032}), "106916112212032"),
        (Reply(200, {"x-inference-id": "h"}, {"id": True}), "h"),
        (Reply(200, {"x-inference-id": "h"}, {"id": "b"}), "b"),
        (Reply(200, {}, {"id": ""}), None),
        (Reply(500, {}, {"id": "b"}), None),
    ],
)
def test_the_id_of_an_accepted_submit(reply: Reply, operation_id: str | None) -> None:
    operation = read_accepted(reply)
    assert (operation["id"] if operation else None) == operation_id


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *(({"status": word}, Pending()) for word in ("queued", "generating", "waiting", "active", "processing")),
        *(
            ({"status": word, "video": {"url": FILM}}, Succeeded(url=FILM))
            for word in ("completed", "succeeded", "success", "done", "ready", "finished")
        ),
        *(
            ({"status": word}, Failed("provider_error", f"AI/ML API: the job ended as '{word}'", 0, elsewhere=theirs))
            for word, theirs in (
                *((word, False) for word in ("error", "failed", "cancelled", "canceled")),
                *((word, True) for word in ("timeout", "timed_out")),
            )
        ),
        ({"status": "expired"}, Failed("media_unavailable", "AI/ML API: the job ended as 'expired'")),
        ({"status": "completed", "video": FILM}, Succeeded(url=FILM)),
        ({"status": "completed", "video": ["", {"url": FILM}]}, Succeeded(url=FILM)),
        (
            {"status": "completed", "video": {"url": FILM}, "meta": {"usage": {"credits_used": 2}}},
            Succeeded(url=FILM, cost=1),
        ),
        (
            {"status": "completed", "video": {"url": "javascript:x"}},
            Failed("provider_error", "AI/ML API finished the job without a video."),
        ),
        ({"status": 3}, Pending()),
        ({}, Pending()),
        (
            {"status": "error", "error": {"detail": "Bad seed", "error_type": "invalid_value"}},
            Failed("invalid_input", "AI/ML API: Bad seed", 0),
        ),
    ],
)
def test_every_word_has_its_state(body: Json, status: Pending | Succeeded | Failed) -> None:
    assert read_status(Reply(200, {}, body)) == status


def test_what_the_submit_told_of_the_cost_counts_first() -> None:
    body: Json = {"status": "completed", "video": {"url": FILM}, "meta": {"usage": {"credits_used": 2}}}
    assert read_status(Reply(200, {}, body), 520_000) == Succeeded(url=FILM, cost=520_000)
