"""Nobody knows whether the submit was accepted: it is looked for, and never sent again, as it may be paid."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.failover.system import story
from tests.upstreams.behaviour import Do, Rule, accept_then, answer, asked, cut, garbage, hang, html

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


@pytest.fixture(autouse=True)
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up waiting for an answer soon where none comes, and nowhere else: this machine may be busy for a while."""
    callspec = getattr(request.node, "callspec", None)
    if callspec and any("hang" in str(value) for value in callspec.params.values()):
        monkeypatch.setattr("app.providers.http._PATIENCE", httpx.Timeout(5))


def lost(system: System, provider: str, *names: str, start: bool = True) -> list[str]:
    """Order the same video once for each way to lose the answer to it; return their ids once all are lost."""
    if start:
        system.start(providers=(provider,))
    system.misbehave(provider, *(Rule(on="submit", do=UNKNOWN[name]) for name in names))
    ids = [system.create() for _name in names]
    system.until(lambda: not any(rule.on == "submit" for rule in system.fakes[provider].rules.pending()))
    return ids


def look(system: System, provider: str) -> None:
    """Let half minutes pass until the provider has been asked again."""
    asked = system.arrived(provider, "list")

    def again() -> bool:
        system.advance(31)
        return system.arrived(provider, "list") > asked

    system.until(again)


def owners(system: System) -> dict[str, str]:
    """Return which submission of ours owns what at the provider, as our own database has it."""
    with closing(sqlite3.connect(system.gateway.data_dir / "reelgate.sqlite3")) as database:
        rows = database.execute("select json_extract(operation, '$.id'), id from submissions where operation != ''")
        return dict(rows.fetchall())


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("first", ["fal", "aimlapi", "xai"])
def test_a_submit_of_unknown_fate_is_never_sent_again_to_anyone(system: System, name: str, first: str) -> None:
    others = [other for other in ("fal", "aimlapi", "xai") if other != first]
    system.start(providers=(first, *others))
    (video_id,) = lost(system, first, name, start=False)
    assert system.get(video_id)["status"] == "queued"
    video = system.outlast(video_id)
    if name.startswith("paid") and first != "xai":  # whose listing would need every film stored with them
        assert (video["status"], story(video)) == ("completed", [(first, "completed", None)])
        assert system.only_paid(first).request_id == video["metadata"]["upstream_id"]
        assert video["metadata"]["cost"] == system.charged()[first] / 1e6
    else:
        assert (video["status"], video["error"]["code"]) == ("failed", "submission_unknown")
        assert story(video) == [(first, "unknown", "submission_unknown")]
        assert system.paid() == ({first: 1} if name.startswith("paid") else {})
    assert system.arrived(first) == (0 if name == "cut-unread" else 1)
    assert [system.arrived(other) for other in others] == [0, 0]


@pytest.mark.parametrize("provider", ["fal", "aimlapi"])
def test_a_job_that_is_listed_late_is_adopted_then(system: System, provider: str) -> None:
    system.fal.settings.list_lag = system.aimlapi.log_lag = 300
    system.settings["settle_seconds"] = 1e6  # `look` does not count the half minutes
    (video_id,) = lost(system, provider, "paid-then-cut")
    for _look in range(3):
        look(system, provider)
    assert system.get(video_id)["status"] == "queued"
    system.fakes[provider].clock.advance(300)
    assert system.outlast(video_id)["status"] == "completed"
    assert (system.paid(), system.arrived(provider)) == ({provider: 1}, 1)


@pytest.mark.parametrize("failing", [html(502), answer(401, {"detail": "No user found"}), garbage(), cut(), hang()])
@pytest.mark.parametrize("provider", ["fal", "aimlapi"])
def test_a_listing_that_fails_is_asked_again_and_nothing_is_sent_again(
    system: System, provider: str, failing: Do
) -> None:
    system.settings["settle_seconds"] = 1e6
    system.misbehave(provider, asked("list", failing, times=2))
    (video_id,) = lost(system, provider, "paid-then-cut")
    assert system.outlast(video_id)["status"] == "completed"
    assert not system.fakes[provider].rules.pending()
    assert (system.paid(), system.arrived(provider)) == ({provider: 1}, 1)


@pytest.mark.parametrize("provider", ["fal", "aimlapi"])
def test_a_listing_that_never_answers_ends_as_unknown_all_the_same(system: System, provider: str) -> None:
    system.misbehave(provider, Rule(on="list", do=html(502), times=None))
    (video_id,) = lost(system, provider, "paid-then-cut")
    assert system.outlast(video_id)["error"]["code"] == "submission_unknown"
    assert (system.paid(), system.arrived(provider)) == ({provider: 1}, 1)


def test_two_that_say_the_same_adopt_their_own_where_our_id_is_listed(system: System) -> None:
    ids = lost(system, "aimlapi", "paid-then-cut", "paid-then-500")
    videos = [system.outlast(video_id) for video_id in ids]
    assert [video["status"] for video in videos] == ["completed", "completed"]
    paid = system.aimlapi.ledger.paid()
    assert owners(system) == {each.request_id: each.headers["x-client-request-id"] for each in paid}
    assert (len(paid), system.arrived("aimlapi")) == (2, 2)


def test_two_that_say_the_same_adopt_nothing_where_nothing_tells_them_apart(system: System) -> None:
    ids = lost(system, "fal", "paid-then-cut", "paid-then-500")
    videos = [system.outlast(video_id) for video_id in ids]
    assert [video["error"]["code"] for video in videos] == ["submission_unknown"] * 2
    assert (system.paid(), system.arrived("fal")) == ({"fal": 2}, 2)


def test_a_job_that_may_be_the_other_ones_is_not_adopted(system: System) -> None:
    ids = lost(system, "fal", "cut", "paid-then-cut")
    videos = [system.outlast(video_id) for video_id in ids]
    assert [video["error"]["code"] for video in videos] == ["submission_unknown"] * 2
    assert (system.paid(), system.arrived("fal")) == ({"fal": 1}, 2)


def test_a_job_that_is_known_to_be_anothers_is_not_adopted(system: System) -> None:
    system.start(providers=("fal",))
    first = system.wait(system.create())
    (video_id,) = lost(system, "fal", "cut", start=False)
    assert system.outlast(video_id)["error"]["code"] == "submission_unknown"
    assert system.only_paid("fal").request_id == first["metadata"]["upstream_id"]


def test_two_that_say_different_things_adopt_their_own(system: System) -> None:
    system.start(providers=("fal",))
    system.misbehave("fal", Rule(on="submit", do=UNKNOWN["paid-then-cut"], times=2))
    ids = [system.create(prompt=prompt) for prompt in ("a storm", "a calm")]
    system.until(lambda: not system.fal.rules.pending())
    videos = [system.outlast(video_id) for video_id in ids]
    assert [video["status"] for video in videos] == ["completed", "completed"]
    said = {paid.request_id: paid.body["prompt"] for paid in system.fal.ledger.paid()}
    assert [said[video["metadata"]["upstream_id"]] for video in videos] == ["a storm", "a calm"]
