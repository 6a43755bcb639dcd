"""Nobody knows whether the submit was accepted: it may be paid, so it is never sent again, to anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.failover.system import story
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, hang, html

if TYPE_CHECKING:
    from tests.failover.system import System

pytestmark = pytest.mark.thorough

UNKNOWN = {
    "500": answer(500, {"detail": "Internal Server Error"}),
    "paid-then-500": accept_then(answer(500, {"detail": "Internal Server Error"})),
    "502-of-a-proxy": html(502),
    "cut-unread": cut(unread=True),
    "cut": cut(),
    "paid-then-cut": accept_then(cut(reset=True)),
    "paid-then-hang": accept_then(hang()),
    "hang": hang(),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("first", ["fal", "aimlapi", "xai"])
def test_a_submit_of_unknown_fate_is_never_sent_again_to_anyone(
    system: System, monkeypatch: pytest.MonkeyPatch, name: str, first: str
) -> None:
    monkeypatch.setattr("app.providers.http._PATIENCE", httpx.Timeout(0.5))
    system.misbehave(first, Rule(on="submit", do=UNKNOWN[name]))
    others = [other for other in ("fal", "aimlapi", "xai") if other != first]
    system.start(providers=(first, *others))
    video_id = system.create()
    system.until(lambda: not system.fakes[first].rules.pending())
    assert system.get(video_id)["status"] == "queued"
    video = system.outlast(video_id)
    assert (video["status"], video["error"]["code"]) == ("failed", "submission_unknown")
    assert story(video) == [(first, "unknown", "submission_unknown")]
    assert system.paid() == ({first: 1} if name.startswith("paid") else {})
    assert [system.arrived(other) for other in others] == [0, 0]
