"""The room of health in a real browser: what is wrong is said at the top, in words, while it is wrong."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from app.services import breakers, health
from tests.api.holders import make
from tests.dashboard.visits import ADMIN_KEY
from tests.failover.system import System
from tests.upstreams import aimlapi_errors
from tests.upstreams.behaviour import Rule, accept_then, answer, cut
from tests.upstreams.xai_errors import error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.dashboard.visits import Visit

LEFT_ALONE = 600.0  # seconds, in which the page is opened, however much else the machine has to do
BUSY = answer(429, error("resource-exhausted", "Too many requests"), {"retry-after": "300"})


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Three fakes and a gateway that counts anew whenever it is asked; its `http` is an admin's program."""
    monkeypatch.setattr(health, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(health, "_DAY_FRESH_SECONDS", 0.0)
    monkeypatch.setattr("app.services.gauges._FRESH_SECONDS", 0.0)
    monkeypatch.setattr(health, "_BALANCE_SECONDS", 0.0)
    monkeypatch.setattr(breakers, "_OPEN_SECONDS", LEFT_ALONE)
    with ExitStack() as stack:
        made = System(tmp_path, stack, monkeypatch)
        made.settings |= {"admin_key": ADMIN_KEY, "settle_seconds": 0}
        made.start().http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        yield made


def verdict(page: Page) -> Locator:
    """Find what stands at the top."""
    return page.get_by_role("region", name="What is wrong")


def card(page: Page, name: str) -> Locator:
    """Find a provider."""
    return (
        page.get_by_role("list", name="Providers")
        .get_by_role("listitem")
        .filter(has=page.get_by_role("heading", name=name))
    )


def test_all_is_well_until_a_provider_fails_and_the_page_notices_by_itself(
    system: System, open_page: Callable[..., Visit]
) -> None:
    system.wait(system.create(model="fal/grok-imagine-video"))
    visit = open_page(system.gateway)
    visit.sign_in(place="#/health")
    page = visit.page
    expect(verdict(page)).to_contain_text("All is well")
    fal = card(page, "fal.ai")
    expect(fal).to_contain_text("In use")
    expect(fal).to_contain_text("100 % of the outputs succeeded")
    expect(fal).to_contain_text("1 accepted")
    expect(card(page, "AI/ML API")).to_contain_text("$1000")
    system.misbehave("fal", Rule(on="submit", do=answer(503), times=None))
    system.create(n=5)
    expect(verdict(page)).to_contain_text("Something is wrong")
    expect(verdict(page)).to_contain_text("fal.ai is left alone: it failed 5 times in a row.")
    expect(fal).to_contain_text("Left alone")
    expect(page.locator("#live")).to_contain_text("Something is wrong")
    system.fal.rules.clear()
    system.advance(LEFT_ALONE + 1)
    system.wait(system.create(model="fal/grok-imagine-video"))
    expect(fal).to_contain_text("In use")
    expect(verdict(page)).not_to_contain_text("left alone")


def test_a_refused_key_is_told_from_a_provider_that_cannot_be_reached(
    system: System, open_page: Callable[..., Visit]
) -> None:
    system.stop()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        system.settings["xai_url"] = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
    system.start(providers=("xai", "aimlapi", "fal")).http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
    system.misbehave("aimlapi", Rule(on="submit", do=answer(401, aimlapi_errors.no_key()), times=None))
    system.wait(system.create(n=3))
    visit = open_page(system.gateway)
    visit.sign_in(place="#/health")
    page = visit.page
    expect(verdict(page)).to_contain_text(
        "AI/ML API took none of the last 3 requests (10 minutes). "
        "AI/ML API does not accept the gateway's key: check AIMLAPI_KEY."
    )
    expect(verdict(page)).to_contain_text("xAI took none of the last 3 requests (10 minutes). It cannot be reached.")
    expect(card(page, "AI/ML API")).to_contain_text("3 refused")
    expect(card(page, "AI/ML API")).to_contain_text("check AIMLAPI_KEY")
    expect(card(page, "xAI")).to_contain_text("3 could not be sent")
    expect(card(page, "xAI")).not_to_contain_text("Last refusal")
    system.create(n=2)
    expect(verdict(page)).to_contain_text("xAI cannot be reached, and is left alone: it failed 5 times in a row.")


def test_what_the_gateway_itself_did_not_send_says_nothing_of_the_provider(
    system: System, open_page: Callable[..., Visit]
) -> None:
    for _one in range(3):
        system.wait(system.create(model="xai/grok-imagine-video"))
    system.misbehave("fal", Rule(on="submit", do=answer(503), times=None))
    system.create(n=5)
    system.until(lambda: system.gateway.http.get("/v1/providers").json()["data"][0]["breaker"]["failures"] == 5)
    with closing(sqlite3.connect(system.gateway.data_dir / "reelgate.sqlite3", timeout=30)) as database, database:
        database.execute("UPDATE submissions SET phase = 'unsent' WHERE provider = 'xai'")
        lost = database.execute("SELECT id FROM submissions WHERE provider = 'fal'").fetchone()
        database.execute("UPDATE submissions SET phase = 'unsent' WHERE id = ?", lost)
    visit = open_page(system.gateway)
    visit.sign_in(place="#/health")
    expect(verdict(visit.page)).to_contain_text(
        "xAI took none of the last 3 requests (10 minutes). The gateway could not send them."
    )
    expect(verdict(visit.page)).to_contain_text("fal.ai is left alone: it failed 5 times in a row.")
    expect(card(visit.page, "fal.ai")).to_contain_text("1 could not be sent")
    expect(verdict(visit.page)).not_to_contain_text("cannot be reached")


def test_a_flagged_submission_leads_to_where_it_is_settled(system: System, open_page: Callable[..., Visit]) -> None:
    system.misbehave("xai", Rule(on="submit", do=accept_then(cut(reset=True))))
    assert system.outlast(system.create(model="xai/grok-imagine-video"))["error"]["code"] == "submission_unknown"
    visit = open_page(system.gateway)
    visit.sign_in(place="#/health")
    link = verdict(visit.page).get_by_role("link", name="1 paid request of unknown fate")
    expect(link).to_have_attribute("href", "#/submissions")
    flagged = visit.page.locator(".tiles > div").filter(has_text="Flagged").get_by_role("link", name="1")
    flagged.focus()
    before = verdict(visit.page).get_by_text("As of").inner_text()
    expect(verdict(visit.page).get_by_text("As of")).not_to_have_text(before)
    expect(flagged).to_be_focused()
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_role("heading", name="Submissions")).to_be_visible()


def test_work_that_waits_too_long_and_an_empty_account_are_said_in_words(
    system: System, open_page: Callable[..., Visit]
) -> None:
    system.misbehave("xai", Rule(on="submit", do=BUSY, times=None))
    video_id = system.create(model="xai/grok-imagine-video")
    system.until(lambda: system.arrived("xai") and system.get(video_id)["status"] == "queued")
    system.clock.ahead += 1300
    system.aimlapi.balance = 0
    visit = open_page(system.gateway)
    visit.sign_in(place="#/health")
    expect(verdict(visit.page)).to_contain_text("queued", ignore_case=True)
    expect(verdict(visit.page)).to_contain_text("21 min")
    expect(verdict(visit.page)).to_contain_text("Nothing is left of the balance at AI/ML API.")


def test_a_gateway_that_does_not_answer_is_told_from_one_that_is_well(
    system: System, open_page: Callable[..., Visit]
) -> None:
    visit = open_page(system.gateway)
    visit.sign_in(place="#/health")
    expect(verdict(visit.page)).to_contain_text("All is well")
    visit.page.route("**/v1/providers", lambda route: route.abort())
    expect(verdict(visit.page)).to_contain_text("The gateway does not answer. Is it running?")
    expect(verdict(visit.page)).not_to_contain_text("All is well")
    visit.complaints = [each for each in visit.complaints if "ERR_FAILED" not in each]


def test_the_room_is_for_admins(system: System, open_page: Callable[..., Visit]) -> None:
    visit = open_page(system.gateway)
    visit.sign_in(make(system.gateway.http)["key"])
    nav = visit.page.get_by_role("navigation")
    expect(nav.get_by_role("link", name="Costs")).to_be_visible()
    expect(nav.get_by_role("link", name="Health")).to_have_count(0)
