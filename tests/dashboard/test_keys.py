"""The keys in a real browser: made, changed, rotated, revoked; and who does not see them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.api.holders import client, make
from tests.api.waiting import waits
from tests.dashboard.looks import faults, looks
from tests.dashboard.visits import ADMIN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator

    from tests.api.waiting import Waits
    from tests.dashboard.visits import Visit
    from tests.serving import Running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waits]:
    with waits(tmp_path_factory.mktemp("keys"), admin_key=ADMIN_KEY) as running:
        running.gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        yield running


@pytest.fixture
def guarded(server: Waits) -> Running:
    """Open pages of this gateway."""
    return server.gateway


@pytest.fixture
def keys(open_page: Callable[..., Visit]) -> Visit:
    """Give a visit that is signed in as an admin and looks at the keys."""
    visit = open_page()
    visit.sign_in(place="#/keys")
    return visit


def status_of(gateway: Running, key: str) -> int:
    """Use a key."""
    with client(gateway, key) as http:
        return http.get("/v1/balance").status_code


def shown(gateway: Running, key_id: str) -> dict[str, Any]:
    found: dict[str, Any] = gateway.http.get(f"/v1/keys/{key_id}").json()
    return found


def press(visit: Visit, name: str) -> Locator:
    """Press a button, and return the dialog that asks."""
    visit.page.get_by_role("button", name=name, exact=True).click()
    return visit.page.get_by_role("dialog")


def test_a_new_key_is_shown_once_and_holds_what_was_filled_in(keys: Visit, guarded: Running) -> None:
    page = keys.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog = press(keys, "New key")
    dialog.get_by_label("Name").fill("the <b>studio</b>")
    dialog.get_by_label("Role").select_option("reader")
    dialog.get_by_label("Budget in dollars").fill("12.5")
    dialog.get_by_label("The budget is").select_option("month")
    dialog.get_by_label("Requests a minute").fill("60")
    dialog.get_by_label("Outputs at a time").fill("4")
    dialog.get_by_role("group", name="Models").get_by_role("checkbox", name="grok-imagine-video", exact=True).check()
    dialog.get_by_role("group", name="Providers").get_by_role("checkbox", name="xai").check()
    dialog.get_by_label("Expires").fill("2031-05-06T07:08")
    dialog.get_by_role("button", name="Make key").click()
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    for _ in range(3):  # Chromium lets a dialog that refuses to be closed refuse once
        page.keyboard.press("Escape")
    expect(dialog.get_by_label("Secret", exact=True)).to_be_visible()
    secret = keys.keep_secret()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    assert status_of(guarded, secret) == 200
    row = keys.row("the <b>studio</b>")
    for text in (
        "reader",
        "$0 of $12.50 per month",
        "60 requests a minute",
        "4 outputs at a time",
        "models: grok-imagine-video",
    ):
        expect(row).to_contain_text(text)
    (made,) = [each for each in guarded.http.get("/v1/keys").json()["data"] if each["name"] == "the <b>studio</b>"]
    assert made["prefix"] == secret[: len(made["prefix"])]
    assert (made["providers"], made["allow_unpriced"]) == (["xai"], False)
    assert made["expires_at"] == page.evaluate("new Date('2031-05-06T07:08').getTime() / 1000")
    page.reload()
    expect(row).to_be_visible()
    assert secret not in page.content()


def test_the_first_key_is_an_admins_and_whoever_makes_it_stays_signed_in(
    open_page: Callable[..., Visit], start_gateway: Callable[..., Running]
) -> None:
    gateway = start_gateway()
    maker, other = open_page(gateway), open_page(gateway)
    for visit in (maker, other):
        visit.page.goto("/#/keys")
        expect(visit.page.get_by_text("No key has been made here yet.")).to_be_visible()
    dialog = press(maker, "New key")
    expect(dialog).to_contain_text("The first key closes the gateway")
    expect(dialog.get_by_label("Role")).to_have_value("admin")
    dialog.get_by_label("Name").fill("mine")
    dialog.get_by_label("Role").select_option("member")
    dialog.get_by_role("button", name="Make key").click()
    expect(dialog.locator("[data-param=role] .error")).to_contain_text("there would be no admin key")
    maker.forgive(400)
    dialog.get_by_label("Role").select_option("admin")
    dialog.get_by_role("button", name="Make key").click()
    dialog.get_by_label("Secret", exact=True).wait_for()
    assert status_of(gateway, maker.keep_secret()) == 200
    expect(maker.row("mine")).to_contain_text("admin")
    expect(maker.page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(maker.page.get_by_role("main")).to_be_focused()
    dialog = press(maker, "New key")
    expect(dialog.get_by_label("Role")).to_have_value("member")
    other.refusals = 5
    other.page.get_by_role("link", name="Costs").click()
    expect(other.page.locator(".toast")).to_have_text("This gateway has keys now: sign in with one.")
    expect(other.page.get_by_label("API key")).to_be_visible()


@pytest.mark.parametrize(
    ("label", "value", "field"),
    [
        ("Name", "", "name"),
        ("Budget in dollars", "much", "budget_usd"),
        ("Budget in dollars", "-1", "budget_usd"),
        ("Requests a minute", "1.5", "requests_per_minute"),
        ("Outputs at a time", "0", "max_concurrent"),
        ("Expires", "2001-01-01T00:00", "expires_at"),
    ],
)
def test_what_is_refused_is_said_next_to_its_field(keys: Visit, label: str, value: str, field: str) -> None:
    dialog = press(keys, "New key")
    dialog.get_by_label("Name").fill("never made")
    dialog.get_by_label(label).fill(value)
    dialog.get_by_role("button", name="Make key").click()
    expect(dialog.locator(f"[data-param={field}] .error")).to_contain_text(field)
    expect(dialog.get_by_label(label)).to_be_focused()
    expect(dialog.get_by_label(label)).to_have_attribute("aria-invalid", "true")
    expect(dialog.locator(".error:not(:empty)")).to_have_count(1)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(keys.row("never made")).to_have_count(0)
    keys.forgive(400)


def test_a_half_written_date_is_no_key_without_an_end(keys: Visit, guarded: Running) -> None:
    dialog = press(keys, "New key")
    dialog.get_by_label("Name").fill("half a date")
    dialog.get_by_label("Expires").focus()
    keys.page.keyboard.type("05")
    dialog.get_by_role("button", name="Make key").click()
    expect(dialog.locator("[data-param=expires_at] .error")).to_contain_text("whole date")
    assert "half a date" not in guarded.http.get("/v1/keys").text


def test_a_change_leaves_alone_what_was_not_changed_here(keys: Visit, guarded: Running) -> None:
    key = make(
        guarded.http, name="before", budget_usd=3, models=["grok-imagine-video"], expires_at=int(time.time()) + 86_400
    )
    keys.page.reload()
    dialog = press(keys, "Change before")
    expect(dialog.get_by_label("Budget in dollars")).to_have_value("3")
    expect(dialog.get_by_role("checkbox", name="grok-imagine-video", exact=True)).to_be_checked()
    guarded.http.patch(f"/v1/keys/{key['id']}", json={"max_concurrent": 7})
    dialog.get_by_label("Name").fill("after")
    dialog.get_by_role("checkbox", name="grok-imagine-video", exact=True).uncheck()
    dialog.get_by_role("button", name="Save").click()
    expect(keys.row("after")).to_contain_text("7 outputs at a time")
    expect(keys.page.get_by_role("button", name="Change after")).to_be_focused()
    now = shown(guarded, key["id"])
    same = ("role", "budget_usd", "expires_at", "requests_per_minute")
    assert [now[name] for name in same] == [key[name] for name in same]
    assert (now["name"], now["models"], now["max_concurrent"]) == ("after", None, 7)


@pytest.mark.parametrize(("end", "old"), [("at once", 401), ("in a day", 200)])
def test_a_rotated_key_has_a_new_secret_and_the_old_one_its_grace(
    keys: Visit, guarded: Running, end: str, old: int
) -> None:
    name = f"rotated {end}"
    key = make(guarded.http, name=name)
    keys.page.reload()
    dialog = press(keys, f"Rotate {name}")
    dialog.get_by_label("The old secret ends").select_option(label=end)
    dialog.get_by_role("button", name="Rotate").click()
    dialog.get_by_label("Secret", exact=True).wait_for()
    assert status_of(guarded, keys.keep_secret()) == 200
    assert status_of(guarded, key["key"]) == old
    expect(keys.row(name).get_by_text("old secret ends")).to_have_count(int(old == 200))


def test_a_revoked_key_ends_and_its_work_goes_on_until_one_cancels_it(keys: Visit, server: Waits) -> None:
    key = make(server.gateway.http, name="ending")
    with client(server.gateway, key["key"]) as http:
        video_id = http.post("/v1/videos", json={"prompt": "goes on"}).json()["id"]
    keys.page.reload()
    dialog = press(keys, "Revoke ending")
    dialog.get_by_role("button", name="Cancel").click()
    assert status_of(server.gateway, key["key"]) == 200
    dialog = press(keys, "Revoke ending")
    expect(dialog.get_by_role("radio", name="goes on")).to_be_checked()
    dialog.get_by_role("button", name="Revoke").click()
    expect(keys.row("ending")).to_have_count(0)
    expect(keys.page.get_by_role("main")).to_be_focused()
    assert status_of(server.gateway, key["key"]) == 401
    keys.page.get_by_label("Show revoked keys").check()
    dialog = press(keys, "Cancel its work ending")
    dialog.get_by_role("button", name="Cancel its work").click()
    expect(keys.page.locator(".toast").filter(has_text="1 video of it cancelled")).to_be_visible()
    log = server.gateway.http.get("/v1/requests", params={"key_id": key["id"]}).json()["data"]
    assert [each["error_code"] for each in log if each["video_id"] == video_id] == ["cancelled"]


def test_a_key_is_revoked_with_what_it_ordered(keys: Visit, server: Waits) -> None:
    key = make(server.gateway.http, name="stopped")
    with client(server.gateway, key["key"]) as http:
        http.post("/v1/videos", json={"prompt": "stops"})
    keys.page.reload()
    dialog = press(keys, "Revoke stopped")
    dialog.get_by_role("radio", name="is cancelled").check()
    dialog.get_by_role("button", name="Revoke").click()
    expect(keys.page.locator(".toast")).to_have_text("The key is revoked; 1 video of it cancelled.")


def test_money_that_was_reserved_is_shown_beside_what_was_spent(keys: Visit, server: Waits) -> None:
    key = make(server.gateway.http, name="spender", budget_usd=10)
    with client(server.gateway, key["key"]) as http:
        reserved = http.post("/v1/videos", json={"prompt": "x", "seconds": 2}).json()["metadata"]["cost_estimate"]
    assert reserved > 0
    keys.page.reload()
    row = keys.row("spender")
    expect(row).to_contain_text(f"{reserved:.2f}".rstrip("0"))
    expect(row).to_contain_text("reserved")
    assert row.locator(".budget .reserved").evaluate("(part) => part.offsetWidth") > 0


@pytest.mark.parametrize("height", [800, 500])
def test_the_buttons_of_a_long_dialog_are_in_sight_and_hide_nothing_that_is_filled_in(
    open_page: Callable[..., Visit], guarded: Running, height: int
) -> None:
    visit = open_page(guarded, viewport={"width": 1280, "height": height})
    visit.sign_in(place="#/keys")
    dialog = press(visit, "New key")
    button = dialog.get_by_role("button", name="Make key")
    for field in ("Name", "Outputs at a time", "Expires"):
        dialog.get_by_label(field).focus()
        expect(button).to_be_in_viewport(ratio=1)
        above, below = dialog.get_by_label(field).bounding_box(), button.bounding_box()
        assert above is not None
        assert below is not None
        assert above["y"] + above["height"] <= below["y"]


def test_times_stay_true_while_the_page_is_open(keys: Visit, guarded: Running) -> None:
    make(guarded.http, name="aging")
    keys.page.clock.install()
    keys.page.reload()
    expect(keys.row("aging")).to_contain_text("made just now")
    keys.page.clock.run_for(7300_000)
    expect(keys.row("aging")).to_contain_text("made 2 hours ago")


@pytest.mark.parametrize("role", ["member", "reader"])
@pytest.mark.parametrize("room", ["keys", "submissions"])
def test_others_are_not_shown_what_is_for_admins_and_are_refused_where_they_go_all_the_same(
    open_page: Callable[..., Visit], guarded: Running, role: str, room: str
) -> None:
    visit = open_page()
    visit.sign_in(make(guarded.http, role=role)["key"])
    links = visit.page.get_by_role("navigation").get_by_role("link")
    expect(links.filter(has_text="Webhooks")).to_be_visible()
    assert not {"Keys", "Submissions"} & set(links.all_inner_texts())
    visit.page.goto(f"/#/{room}")
    expect(visit.page.get_by_role("alert")).to_contain_text("This needs an admin key")
    expect(visit.page.get_by_role("button", name="New key")).to_have_count(0)
    visit.forgive(403)


@looks
def test_the_keys_and_their_dialogs_look_right(
    open_page: Callable[..., Visit], guarded: Running, options: dict[str, Any]
) -> None:
    name = "a rather long name of a key " * 3
    make(guarded.http, name=name, budget_usd=1, budget_period="month", models=["sora-2", "veo-3.1"], providers=["xai"])
    visit = open_page(**options)
    visit.sign_in(place="#/keys")
    expect(visit.row(name).first).to_be_visible()
    found = {"room": faults(visit)}
    dialog = press(visit, "New key")
    dialog.get_by_role("button", name="Make key").click()
    expect(dialog.locator("[data-param=name] .error")).to_be_visible()
    found["refused"] = faults(visit)
    dialog.get_by_label("Name").fill("of a look")
    dialog.get_by_role("button", name="Make key").click()
    dialog.get_by_label("Secret", exact=True).wait_for()
    found["secret"] = faults(visit)
    visit.keep_secret()
    press(visit, "Revoke of a look")
    found["revoke"] = faults(visit)
    dialog.get_by_role("button", name="Revoke").click()
    expect(visit.row("of a look")).to_have_count(0)
    assert {place: each for place, each in found.items() if each} == {}
    visit.forgive(400)
