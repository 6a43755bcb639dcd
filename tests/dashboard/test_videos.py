"""The gallery and one video in a real browser, in front of a provider whose jobs end when the test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.api.holders import client, make
from tests.api.waiting import LONG, until, waits
from tests.dashboard.looks import PHONE
from tests.dashboard.visits import ADMIN_KEY, plays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
    first = sheet.evaluate("(sheet) => sheet.style.backgroundPosition")
    moved = "([sheet, first]) => sheet.style.backgroundPosition !== first"
    page.wait_for_function(moved, arg=[sheet.element_handle(), first])
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
    expect(page.get_by_text("No video fits these filters.")).to_be_visible()
    page.get_by_label("To", exact=True).fill("")
    page.get_by_label("From").fill("2020-01-01")
    expect(card(page, "the pending one")).to_be_visible()
    page.get_by_label("Provider").select_option("xai")
    expect(card(page, "the pending one")).to_be_visible()
    page.goto("/#/videos?provider=fal&prompt=nowhere")
    expect(page.get_by_label("Provider")).to_have_value("fal")
    page.get_by_role("button", name="Clear them").click()
    expect(card(page, "the failed one")).to_be_visible()
    expect(page.get_by_label("Provider")).to_have_value("")
    assert page.evaluate("location.hash") == "#/videos"


def test_prompts_are_searched_while_one_types(server: Waits, open_page: Callable[..., Visit]) -> None:
    server.cancel(server.create(prompt="A red KITE over <b>Trafalgar</b> & 100 %"))
    server.cancel(server.create(prompt="a blue boat"))
    visit = open_page()
    visit.sign_in(place="#/videos")
    page = visit.page
    expect(card(page, "a blue boat")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "prompt=" in request.url else None)
    typed = "kite OVER <B>"
    page.get_by_label("Search").press_sequentially(typed, delay=20)
    expect(card(page, "a blue boat")).to_have_count(0)
    expect(card(page, "A red KITE over <b>Trafalgar</b>")).to_be_visible()
    assert 1 <= len(asked) < len(typed), "not a request for each letter"
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("kite OVER <B>")
    expect(card(page, "A red KITE")).to_be_visible()
    expect(card(page, "a blue boat")).to_have_count(0)
    page.get_by_label("Search").fill("100 %")
    expect(card(page, "A red KITE")).to_be_visible()
    page.get_by_label("Search").fill("1_0 %")
    expect(page.get_by_text("No video fits these filters.")).to_be_visible()


def test_a_phone_shows_the_search_and_the_other_filters_on_request(
    server: Waits, open_page: Callable[..., Visit]
) -> None:
    server.cancel(server.create(prompt="seen on a phone"))
    visit = open_page(**PHONE)
    visit.sign_in(place="#/videos")
    page = visit.page
    expect(page.get_by_label("Search")).to_be_visible()
    expect(page.get_by_label("Status")).to_be_hidden()
    page.get_by_role("button", name="Filters", expanded=False).tap()
    page.get_by_label("Status").select_option("failed")
    expect(card(page, "seen on a phone")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Status")).to_have_value("failed")
    expect(page.get_by_label("Status")).to_be_visible()


def test_many_videos_move_at_once_by_one_stream(server: Waits, open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    page = visit.page
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if request.url.endswith("/events") else None)

    def lists() -> int:
        """Count the lists of its own videos that the page has read; where there are none, it looks for others, too."""
        answered = "performance.getEntriesByType('resource').filter(({ name }) => name.includes('?limit=24')).length"
        return int(page.evaluate(answered))

    visit.sign_in(place="#/videos")
    until(lambda: lists() == 2)  # the first one, and that of the stream's begin
    for number in range(6):
        server.create(prompt=f"of many, {number}")
        expect(page.locator(".gallery .prompt").first).to_have_text(f"of many, {number}")
    many = card(page, "of many,")
    expect(many).to_have_count(6)
    server.fake.clock.advance(LONG / 2)
    half = "all => all.filter(({ value }) => value >= 50).length"  # some percent more, where making six takes long
    until(lambda: many.locator("progress").evaluate_all(half) == 6)
    server.end_all()
    expect(many.locator("img")).to_have_count(6)
    expect(many.filter(has_text="Completed")).to_have_count(6)
    assert len(streams) == 1
    assert lists() == 2, "nothing is read again and again"


def test_what_happens_shows_only_where_it_fits_the_filters(server: Waits, open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/videos?status=in_progress&prompt=wanted")
    page = visit.page
    expect(page.get_by_text("No video fits these filters.")).to_be_visible()
    server.create(prompt="another")
    wanted = server.create(prompt="this is Wanted")
    expect(card(page, "this is Wanted")).to_be_visible()
    expect(page.locator(".gallery .prompt")).to_have_count(1)
    server.cancel(wanted)
    expect(page.get_by_text("No video fits these filters.")).to_be_visible()


def test_a_page_that_nobody_sees_holds_no_stream_and_is_true_when_it_is_seen_again(
    server: Waits, open_page: Callable[..., Visit]
) -> None:
    visit = open_page()
    visit.sign_in(place="#/videos")
    page = visit.page
    until(lambda: server.waiting == 1)
    see = """(state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(see, "hidden")
    until(lambda: server.waiting == 0)
    for number in range(30):
        made = server.gateway.create(prompt=f"unseen {number}")
    server.gateway.http.delete(f"/v1/videos/{made['id']}")
    page.evaluate(see, "visible")
    expect(card(page, "unseen 28")).to_be_visible()
    expect(card(page, "unseen 29")).to_have_count(0)
    page.get_by_role("button", name="Show more").click()
    expect(card(page, "unseen")).to_have_count(29)


def test_an_admin_looks_at_the_videos_of_other_keys_and_does_nothing_with_them(
    server: Waits, open_page: Callable[..., Visit]
) -> None:
    other = make(server.gateway.http, name="<i>the night shift</i>")
    body = {"prompt": "made by the night shift"}
    with client(server.gateway, other["key"]) as holder:
        video_id = holder.post("/v1/videos", json=body).json()["id"]
        visit = open_page()
        visit.sign_in(place="#/videos")
        page = visit.page
        expect(page.get_by_label("Key", exact=True)).to_have_value("")
        expect(card(page, body["prompt"])).to_have_count(0)
        page.get_by_label("Key", exact=True).select_option(label="All keys")
        expect(card(page, body["prompt"])).to_contain_text("<i>the night shift</i>")
        page.get_by_label("Key", exact=True).select_option(label="<i>the night shift</i>")
        expect(page.locator(".gallery .prompt")).to_have_count(1)
        expect(card(page, body["prompt"])).to_contain_text("In progress")
        card(page, body["prompt"]).get_by_role("link").click()
        expect(page.get_by_label("Key", exact=True)).to_have_count(0)  # the gallery, which names the key, has gone
        expect(page.get_by_text("<i>the night shift</i>")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        holder.post(f"/v1/videos/{video_id}/cancel")
    expect(page.locator("[data-status] > .row .status")).to_have_text("Cancelled")
    expect(page.get_by_role("link", name="Prompt again")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    visit.page.go_back()
    expect(page.get_by_label("Key", exact=True)).to_have_value(other["id"])
    expect(card(page, body["prompt"])).to_contain_text("Cancelled")


def test_an_admin_finds_what_was_made_before_there_were_keys_and_ends_it(
    open_page: Callable[..., Visit], tmp_path: Path
) -> None:
    with waits(tmp_path) as early:
        early.create(prompt="made early")
        key = make(early.gateway.http, role="admin")["key"]
        visit = open_page(early.gateway)
        visit.sign_in(key, "#/videos")
        page = visit.page
        expect(page.get_by_role("link", name="Make the first one")).to_be_visible()
        with client(early.gateway, key) as http:
            http.post("/v1/videos", json={"prompt": "the first of the key's own"}).raise_for_status()
        expect(card(page, "the first of the key's own")).to_be_visible()
        page.get_by_role("link", name="from before there were keys").click()
        expect(page.get_by_label("Key", exact=True)).to_have_value("open")
        expect(page.get_by_role("link", name="from before there were keys")).to_be_hidden()
        card(page, "made early").get_by_role("link").click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel video").click()
        expect(page.locator("[data-status] > .row .status")).to_have_text("Cancelled")
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(card(page, "the first of the key's own")).to_be_visible()
        expect(page.get_by_role("link", name="from before there were keys")).to_have_count(0)
        visit.end()


def test_who_is_no_admin_is_offered_no_other_keys(server: Waits, open_page: Callable[..., Visit]) -> None:
    key = make(server.gateway.http)["key"]
    visit = open_page()
    visit.sign_in(key, "#/videos")
    expect(visit.page.get_by_text("No videos yet.")).to_be_visible()
    expect(visit.page.get_by_label("Key", exact=True)).to_have_count(0)
    visit.page.get_by_role("link", name="Make the first one").click()
    expect(visit.page.get_by_role("button", name="Make video")).to_be_visible()


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
    assert sorted(prompts.all_inner_texts()) == sorted(f"number {number}" for number in range(30))
    with client(server.gateway, key) as holder:
        holder.post("/v1/videos", json={"prompt": "the newest"})
    expect(prompts.first).to_have_text("the newest")
    expect(prompts).to_have_count(31)


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
