"""The room of costs in a real browser, in front of a ledger of three months."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.api.holders import make
from tests.dashboard.looks import PHONE
from tests.dashboard.visits import ADMIN_KEY
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.dashboard.visits import Visit
    from tests.serving import Running

DAY = 86_400


@pytest.fixture(scope="module")
def keys() -> dict[str, dict[str, Any]]:
    """Name the keys that the ledger is about, once they are made."""
    return {}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, dict[str, Any]]) -> Iterator[Running]:
    """Serve a gateway that has spent: a dollar a day for 40 days, at two providers, by two keys."""
    folder = tmp_path_factory.mktemp("costs")
    with serve(settings_for(folder, admin_key=ADMIN_KEY)) as gateway:
        gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        keys["test"] = make(gateway.http, name="Tests", budget_usd=10)
        keys["film"] = make(gateway.http, name="<b>Film</b> team", budget_usd=50, budget_period="month")
        keys["free"] = make(gateway.http, name="Free", role="reader")
        fill(folder, keys)
        yield gateway


def fill(folder: Path, keys: dict[str, dict[str, Any]]) -> None:
    """Write the ledger and the budgets, beside the running gateway."""
    now = time.time()
    with closing(sqlite3.connect(folder / "reelgate.sqlite3", timeout=30)) as database, database:
        for ago in range(40):
            model, provider, key = ("veo-3", "fal", "film") if ago % 2 else ("grok-imagine-video", "xai", "test")
            at = now - ago * DAY
            row = (f"led_{ago}", keys[key]["id"], at, int(at // DAY), f"v{ago}", f"o{ago}", provider, model)
            database.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'completed', 6.0, 1000000)", row)
        for key, spent, reserved in (("film", 20_000_000, 5_000_000), ("test", 9_500_000, 0)):
            spending = (spent, reserved, keys[key]["id"])
            database.execute("UPDATE budgets SET spent = ?, reserved = ? WHERE owner = ?", spending)


def tile(page: Page, name: str) -> Locator:
    """Find the figure under a name."""
    return page.locator(".tiles > div").filter(has_text=name).locator("dd")


def marks(page: Page) -> Locator:
    """Find what a chart is made of."""
    return page.locator(".chart .mark")


def test_spend_is_shown_day_by_day_and_the_days_without_any_too(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/costs")
    page = visit.page
    expect(page.locator(".axis text", has_text="$")).to_have_text(["$0.00", "$0.25", "$0.50", "$0.75", "$1.00"])
    expect(tile(page, "Spent")).to_have_text("$30.00")
    expect(tile(page, "Outputs made")).to_have_text("30")
    expect(marks(page)).to_have_count(30)
    page.get_by_label("90 days").check()
    expect(tile(page, "Spent")).to_have_text("$40.00")
    expect(marks(page)).to_have_count(90)
    assert marks(page).first.get_attribute("aria-label").endswith("$0, 0 outputs")  # type: ignore[union-attr]
    page.get_by_text("Figures").click()
    expect(page.locator("tbody tr")).to_have_count(40)
    expect(page.locator("tfoot")).to_contain_text("$40.00")


def test_the_range_and_the_grouping_are_in_the_address_and_survive_a_reload(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/costs")
    page = visit.page
    page.get_by_label("7 days").check()
    page.get_by_label("Provider", exact=True).check()
    expect(marks(page)).to_have_count(2)
    expect(marks(page).first).to_have_attribute("aria-label", "xai: $4.00, 4 outputs")
    assert page.url.endswith("#/costs?days=7&by=provider")
    page.reload()
    expect(page.get_by_label("7 days")).to_be_checked()
    expect(page.get_by_role("heading", name="Spend by provider")).to_be_visible()
    expect(tile(page, "Spent")).to_have_text("$7.00")
    page.get_by_label("Model", exact=True).check()
    expect(page.get_by_role("rowheader", name="veo-3")).to_be_visible()
    page.goto("/#/costs?days=1000&by=nothing")
    expect(page.get_by_label("30 days")).to_be_checked()
    expect(page.get_by_label("Day", exact=True)).to_be_checked()


def test_keys_are_shown_by_their_names_whatever_is_in_them(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/costs?days=90&by=key")
    page = visit.page
    expect(page.get_by_role("rowheader", name="<b>Film</b> team")).to_be_visible()
    expect(page.get_by_role("img", name="<b>Film</b> team: $20.00, 20 outputs")).to_be_visible()


def test_a_chart_is_read_with_the_arrow_keys_and_one_tab_stop(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/costs?days=7")
    page = visit.page
    expect(marks(page)).to_have_count(7)
    expect(page.locator(".chart [tabindex='0']")).to_have_count(1)
    marks(page).first.focus()
    page.keyboard.press("End")
    expect(marks(page).last).to_be_focused()
    tip = page.locator(".tip")
    expect(tip).to_have_text(marks(page).last.get_attribute("aria-label") or "none")
    page.keyboard.press("ArrowLeft")
    expect(marks(page).nth(5)).to_be_focused()
    expect(tip).to_have_text(marks(page).nth(5).get_attribute("aria-label") or "none")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    marks(page).nth(2).hover()
    expect(tip).to_be_visible()


def test_a_tap_tells_what_a_mark_is(open_page: Callable[..., Visit]) -> None:
    visit = open_page(**PHONE)
    visit.sign_in(place="#/costs?days=7")
    visit.page.locator(".chart .mark").nth(3).tap()
    expect(visit.page.locator(".tip")).to_contain_text("$1.00, 1 output")


def test_an_admin_sees_every_budget_and_what_is_nearly_spent_first(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.sign_in(place="#/costs")
    budgets_shown = visit.page.locator(".budgets > li")
    expect(budgets_shown).to_have_count(2)
    expect(budgets_shown.first).to_contain_text("Nearly spent: $9.50 of $10.00 in all")
    expect(budgets_shown.nth(1)).to_contain_text("$20.00 of $50.00 this month, $5.00 reserved")
    meter = visit.page.get_by_role("meter", name="<b>Film</b> team")
    expect(meter).to_have_attribute("aria-valuenow", "25")
    expect(visit.page.get_by_text("1 key has no budget.")).to_be_visible()
    visit.page.goto("/#/keys")
    expect(visit.row("Tests")).to_contain_text("Nearly spent: $9.50 of $10.00 in total")
    expect(visit.row("Film")).not_to_contain_text("Nearly spent")
    expect(visit.page.locator(".budget.short")).to_have_count(1)


def test_a_member_sees_what_is_its_own_and_nothing_of_other_keys(
    open_page: Callable[..., Visit], keys: dict[str, dict[str, Any]]
) -> None:
    visit = open_page()
    visit.sign_in(keys["film"]["key"], "#/costs?days=90&by=key")
    page = visit.page
    expect(tile(page, "Spent")).to_have_text("$20.00")
    expect(page.get_by_label("Day", exact=True)).to_be_checked()
    expect(page.get_by_label("Key", exact=True)).to_have_count(0)
    expect(page.locator(".budgets > li")).to_contain_text(["$20.00 of $50.00 this month", "It begins anew"])
    expect(page.get_by_text("Tests")).to_have_count(0)


def test_a_key_without_spend_or_budget_is_told_so(
    open_page: Callable[..., Visit], keys: dict[str, dict[str, Any]]
) -> None:
    visit = open_page()
    visit.sign_in(keys["free"]["key"], "#/costs")
    expect(visit.page.get_by_text("Nothing was made in this time.")).to_be_visible()
    expect(visit.page.get_by_text("Your key has no budget. It has spent $0 so far.")).to_be_visible()
