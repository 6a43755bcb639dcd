"""The gallery and one video in a real browser, in front of a provider whose jobs end when the test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.api.holders import make
from tests.api.waiting import waits
from tests.dashboard.visits import ADMIN_KEY, plays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator, Page

    from tests.api.waiting import Waits
    from tests.dashboard.visits import Visit
    from tests.serving import Running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waits]:
    with waits(tmp_path_factory.mktemp("videos"), admin_key=ADMIN_KEY) as running:
        running.gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        yield running


@pytest.fixture
def guarded(server: Waits) -> Running:
    """Open pages of this gateway."""
    return server.gateway


def card(page: Page, prompt: str) -> Locator:
    return page.get_by_role("list", name="Videos").get_by_role("listitem").filter(has_text=prompt)


def test_the_gallery_shows_what_others_do_while_it_is_open(server: Waits, open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/videos")
    page = visit.page
    video_id = server.create(prompt="made by a program")
    expect(card(page, "made by a program")).to_contain_text("In progress")
    server.end_all()
    made = card(page, "made by a program")
    expect(made).to_contain_text("Completed")
    expect(made.locator("img")).to_be_visible()
    sheet = made.locator(".sheet")
    made.get_by_role("link").focus()
    expect(sheet).to_have_css("opacity", "1")
    places = {sheet.evaluate("(sheet) => sheet.style.backgroundPosition")}
    page.wait_for_timeout(500)
    places.add(sheet.evaluate("(sheet) => sheet.style.backgroundPosition"))
    assert len(places) == 2
    page.keyboard.press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="Stored")).to_be_visible()
    assert plays(page.locator("video"))
    for name in ("Video (MP4)", "Thumbnail", "Spritesheet"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.path().stat().st_size > 0
    page.get_by_role("link", name="All videos").click()
    server.gateway.http.delete(f"/v1/videos/{video_id}")
    expect(card(page, "made by a program")).to_have_count(0)


def test_a_live_video_is_cancelled_and_then_deleted_after_a_question_each(
    server: Waits, open_page: Callable[..., Visit]
) -> None:
    video_id = server.create(prompt="never mind")
    visit = open_page()
    visit.sign_in(place=f"#/videos/{video_id}")
    page = visit.page
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    assert server.get(video_id)["status"] == "in_progress"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel video").click()
    expect(page.locator("[data-status] > .row .status")).to_have_text("Cancelled")
    expect(page.get_by_role("listitem").filter(has_text="Ended without a video")).to_be_visible()
    assert server.get(video_id)["error"]["code"] == "cancelled"
    page.get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    assert server.get(video_id)["id"] == video_id
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Videos")).to_be_visible()
    assert server.gateway.http.get(f"/v1/videos/{video_id}").status_code == 404


def test_filters_narrow_the_gallery_and_survive_a_reload(server: Waits, open_page: Callable[..., Visit]) -> None:
    server.cancel(server.create(prompt="the failed one"))
    server.create(prompt="the pending one", model="sora-2")
    visit = open_page()
    visit.sign_in(place="#/videos")
    page = visit.page
    expect(card(page, "the failed one")).to_be_visible()
    page.get_by_label("Status").select_option("failed")
    expect(card(page, "the pending one")).to_have_count(0)
    page.reload()
    expect(card(page, "the failed one")).to_be_visible()
    expect(page.get_by_label("Status")).to_have_value("failed")
    page.get_by_label("Status").select_option("")
    page.get_by_label("Model").select_option("sora-2")
    expect(card(page, "the pending one")).to_be_visible()
    expect(card(page, "the failed one")).to_have_count(0)
    page.get_by_label("To", exact=True).fill("2020-01-01")
    expect(page.get_by_text("No video fits.")).to_be_visible()
    page.get_by_label("To", exact=True).fill("")
    page.get_by_label("From").fill("2020-01-01")
    expect(card(page, "the pending one")).to_be_visible()


def test_more_videos_than_a_page_are_shown_page_by_page_newest_first(
    server: Waits, open_page: Callable[..., Visit]
) -> None:
    key = make(server.gateway.http)["key"]
    for number in range(30):
        created = server.gateway.http.post(
            "/v1/videos", json={"prompt": f"number {number}"}, headers={"authorization": f"Bearer {key}"}
        )
        assert created.status_code == 200
    visit = open_page()
    visit.sign_in(key, "#/videos")
    prompts = visit.page.locator(".gallery .prompt")
    expect(prompts).to_have_count(24)
    visit.page.get_by_role("button", name="Show more").click()
    expect(prompts).to_have_count(30)
    expect(visit.page.get_by_role("button", name="Show more")).to_be_hidden()
    visit.page.wait_for_timeout(5000)  # longer than until the newest page is read again: nothing is lost by that
    expect(prompts).to_have_count(30)
    assert sorted(prompts.all_inner_texts()) == sorted(f"number {number}" for number in range(30))


def test_a_revoked_key_ends_the_visit_at_once(server: Waits, open_page: Callable[..., Visit]) -> None:
    key = make(server.gateway.http, name="soon gone")
    visit = open_page()
    visit.sign_in(key["key"], "#/videos")
    expect(visit.page.get_by_text("soon gone")).to_be_visible()
    visit.refusals = 10
    server.gateway.http.delete(f"/v1/keys/{key['id']}")
    expect(visit.page.get_by_label("API key")).to_be_visible()
    expect(visit.page.locator(".toast")).to_have_text("Your session has ended. Sign in again.")


def test_a_video_that_is_not_yours_is_not_found(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/videos/video_of_nobody")
    expect(visit.page.get_by_role("alert")).to_contain_text("not found")
    visit.complaints = [each for each in visit.complaints if "404" not in each]
