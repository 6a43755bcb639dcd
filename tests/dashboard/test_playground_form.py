"""The playground while it is filled in: how it fits the window, and what it says of what one types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import FilePayload, expect

from tests.api.creating import PICTURE
from tests.api.holders import make

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dashboard.visits import Visit
    from tests.serving import Running

IMAGE = FilePayload(name="a-picture-with-a-long-name-" * 4 + ".png", mimeType="image/png", buffer=PICTURE)


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_no_mode_of_the_playground_is_wider_than_the_window(open_page: Callable[..., Visit], width: int) -> None:
    visit = open_page(viewport={"width": width, "height": 800})
    visit.sign_in(place="#/playground")
    page = visit.page
    page.get_by_label("Prompt").wait_for()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found = {}
    for mode in ("Text", "Image", "References", "Edit", "Extend"):
        visit.choose("Mode", mode)
        found[mode] = page.evaluate(wide)
        if mode in ("Image", "References"):
            page.locator("#input-file").set_input_files([IMAGE])
            page.locator(".inputs").get_by_text(IMAGE["name"]).wait_for()
            found[f"{mode}, filled in"] = page.evaluate(wide)
    assert {mode: over for mode, over in found.items() if over > 0} == {}


def test_price_and_program_follow_while_one_types(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/playground")
    page = visit.page
    visit.describe("a kite")
    program, price = page.locator("#code"), page.get_by_label("Price and warnings")
    page.get_by_label("How many").fill("")
    expect(program).not_to_contain_text('"n"')
    page.get_by_label("How many").press_sequentially("3")
    expect(program).to_contain_text('"n": 3')
    expect(price).to_contain_text("3 videos")
    page.get_by_label("Exact size").fill("1080x1920 ")
    expect(program).to_contain_text('"size": "1080x1920"')
    expect(price).to_contain_text("size 1080x1920")
    expect(page.get_by_label("Exact size")).to_have_value("1080x1920 ")  # as it is typed, until one leaves it
    page.get_by_label("How many").fill("11")
    expect(program).to_contain_text('"n": 10')
    page.get_by_label("Prompt").focus()
    expect(page.get_by_label("Exact size")).to_have_value("1080x1920")
    expect(page.get_by_label("How many")).to_have_value("10")


def test_a_refusal_is_said_once_and_goes_with_the_next_change(
    open_page: Callable[..., Visit], guarded: Running
) -> None:
    visit = open_page()
    visit.sign_in(make(guarded.http)["key"], "#/playground")
    page = visit.page
    visit.describe("a kite")
    page.get_by_label("Exact size").fill("9999x100")
    page.get_by_label("Strict").check()
    refusals = page.locator(".form .error:not(:empty):visible")
    expect(page.get_by_label("Price and warnings").locator(".error")).to_contain_text("9999x100")
    page.get_by_role("button", name="Make video").click()
    expect(page.get_by_role("alert").filter(has_text="9999x100")).to_be_visible()
    expect(refusals).to_have_count(1)
    page.get_by_label("Strict").uncheck()
    expect(page.get_by_label("Price and warnings")).to_contain_text("Free")
    expect(refusals).to_have_count(0)
    visit.forgive(400)


def test_a_remix_says_so_keeps_what_was_made_and_can_be_left(open_page: Callable[..., Visit], guarded: Running) -> None:
    source = guarded.finished(prompt="before", seconds=2, resolution="480p")["id"]
    visit = open_page()
    visit.sign_in(place="#/playground")
    page = visit.page
    visit.describe("made in between")
    expect(visit.make()).to_contain_text("Completed", timeout=60_000)
    page.goto(f"/#/playground?from={source}&as=remix")
    note = page.get_by_role("note")
    expect(note).to_contain_text(f"Remix of {source}")
    made = page.get_by_role("region", name="Results").get_by_role("article")
    expect(made).to_contain_text(["made in between"])
    code, results = page.get_by_role("region", name="This request"), page.get_by_role("region", name="Results")
    assert code.bounding_box()["y"] < results.bounding_box()["y"]  # type: ignore[index]
    page.get_by_label("Prompt").fill("remixed")
    expect(visit.make()).to_contain_text("Completed", timeout=60_000)
    expect(made).to_contain_text(["remixed", "made in between"])
    note.get_by_role("button", name="Begin anew").click()
    expect(note).to_be_hidden()
    expect(page.get_by_role("radio", name="Text", exact=True)).to_be_checked()
    expect(page.locator("#code")).not_to_contain_text(source)
    page.get_by_role("link", name="Videos", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_label("API key").fill(make(guarded.http)["key"])
    visit.page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Playground", exact=True).click()
    expect(page.get_by_text("What you make appears here")).to_be_visible()
    expect(made).to_have_count(0)
