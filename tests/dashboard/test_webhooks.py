"""Webhooks in a real browser, with a real receiver: endpoints, their secrets, what was sent, and sending it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from standardwebhooks import Webhook

from tests.api.holders import client, make
from tests.dashboard.looks import faults, looks
from tests.dashboard.visits import ADMIN_KEY, Visit
from tests.receiver import DROP, status, wait_until
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from playwright.sync_api import Locator

    from tests.receiver import Receiver
    from tests.serving import Running

TYPES = ["video.completed", "video.failed", "video.cancelled"]
EVIL = b"<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve with loopback open to webhooks."""
    folder = tmp_path_factory.mktemp("webhooks")
    with (
        serve(settings_for(folder, admin_key=ADMIN_KEY, allow_private_networks="127.0.0.1")) as running,
        running.idle(),
    ):
        running.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        yield running


@pytest.fixture
def key(guarded: Running) -> str:
    """Make a key for one test: it owns what the test makes."""
    return str(make(guarded.http)["key"])


@pytest.fixture
def http(guarded: Running, key: str) -> Iterator[httpx.Client]:
    with client(guarded, key) as opened:
        yield opened


@pytest.fixture
def hooks(open_page: Callable[..., Visit], key: str) -> Visit:
    """Give a visit that looks at the webhooks of this key."""
    visit = open_page()
    visit.sign_in(key, "#/webhooks")
    return visit


def end_video(http: httpx.Client, **fields: object) -> str:
    video_id = str(http.post("/v1/videos", json={"prompt": "a calm sea", **fields}).json()["id"])
    assert http.post(f"/v1/videos/{video_id}/cancel").json()["status"] == "failed"
    return video_id


def endpoint(http: httpx.Client, receiver: Receiver, **fields: object) -> dict[str, Any]:
    body = {"name": "the hook", "url": receiver.url(), "event_types": TYPES, **fields}
    made: dict[str, Any] = http.post("/v1/webhook_endpoints", json=body).json()
    return made


def delivered(http: httpx.Client, state: str = "delivered") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get("/v1/webhook_deliveries", params={"status": state}).json()["data"]
    return found


def card(visit: Visit, name: str = "the hook") -> Locator:
    return visit.page.get_by_role("list", name="Endpoints").get_by_role("listitem").filter(has_text=name)


def press(visit: Visit, name: str) -> Locator:
    """Press a button, and return the dialog that asks."""
    visit.page.get_by_role("button", name=name, exact=True).click()
    return visit.page.get_by_role("dialog")


def test_an_endpoint_is_made_and_its_secret_shown_once_signs_what_it_is_sent(
    hooks: Visit, http: httpx.Client, receiver: Receiver
) -> None:
    expect(hooks.page.get_by_text("No endpoint yet")).to_be_visible()
    dialog = press(hooks, "New endpoint")
    dialog.get_by_label("Name").fill("<i>mine</i>")
    dialog.get_by_label("URL").fill(receiver.url())
    dialog.get_by_role("checkbox", name="video.failed").uncheck()
    dialog.get_by_role("button", name="Make endpoint").click()
    dialog.get_by_label("Secret", exact=True).wait_for()
    secret = hooks.keep_secret()
    expect(card(hooks, "<i>mine</i>")).to_contain_text("video.completed, video.cancelled")
    end_video(http)
    (got,) = receiver.wait(1)
    Webhook(secret).verify(got.body, got.headers)
    expect(hooks.row("video.cancelled")).to_contain_text("Delivered")


def test_an_endpoint_is_made_by_keyboard_alone(hooks: Visit, http: httpx.Client, receiver: Receiver) -> None:
    page = hooks.page
    make_one = page.get_by_role("button", name="New endpoint")
    make_one.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("typed")
    page.keyboard.press("Tab")
    page.keyboard.type(receiver.url())
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="video.completed")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    done = page.get_by_role("button", name="Done")
    done.wait_for()
    for _ in ("Copy", "Done"):
        page.keyboard.press("Tab")
    expect(done).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(hooks, "typed")).to_contain_text("video.failed, video.cancelled")
    expect(make_one).to_be_focused()
    assert [each["name"] for each in http.get("/v1/webhook_endpoints").json()["data"]] == ["typed"]


@pytest.mark.parametrize(
    ("label", "value", "field"),
    [("Name", "", "name"), ("URL", "ftp://example.com", "url"), ("URL", "https://10.0.0.1/", "url")],
)
def test_what_is_refused_is_said_next_to_its_field(hooks: Visit, label: str, value: str, field: str) -> None:
    dialog = press(hooks, "New endpoint")
    dialog.get_by_label("Name").fill("never made")
    dialog.get_by_label("URL").fill("https://1.1.1.1/")
    dialog.get_by_label(label).fill(value)
    dialog.get_by_role("button", name="Make endpoint").click()
    expect(dialog.locator(f"[data-param={field}] .error")).to_contain_text(field)
    expect(dialog.get_by_label(label)).to_be_focused()
    hooks.forgive(400)


def test_an_endpoint_without_events_is_refused_next_to_them(hooks: Visit) -> None:
    dialog = press(hooks, "New endpoint")
    dialog.get_by_label("Name").fill("deaf")
    dialog.get_by_label("URL").fill("https://1.1.1.1/")
    for each in TYPES:
        dialog.get_by_role("checkbox", name=each).uncheck()
    dialog.get_by_role("button", name="Make endpoint").click()
    expect(dialog.locator("[data-param=event_types] .error")).to_contain_text("event_types")
    hooks.forgive(400)


def test_an_endpoint_is_tested_and_its_answer_told(hooks: Visit, http: httpx.Client, receiver: Receiver) -> None:
    endpoint(http, receiver)
    hooks.page.reload()
    receiver.answers = [status(204), status(500), DROP]
    for said in ("status 204: taken", "status 500: that counts as a failure"):
        dialog = press(hooks, "Test the hook")
        dialog.get_by_label("Event").select_option("video.failed")
        dialog.get_by_role("button", name="Send").click()
        expect(hooks.page.locator(".toast").filter(has_text=said)).to_be_visible()
    dialog = press(hooks, "Test the hook")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_role("alert").filter(has_text="did not arrive")).to_be_visible()
    assert receiver.got[0].event["type"] == "video.failed"
    hooks.forgive(400)


def test_an_endpoint_is_changed_disabled_enabled_and_deleted(
    hooks: Visit, http: httpx.Client, receiver: Receiver
) -> None:
    path = f"/v1/webhook_endpoints/{endpoint(http, receiver)['id']}"
    hooks.page.reload()
    dialog = press(hooks, "Change the hook")
    dialog.get_by_label("Name").fill("renamed")
    dialog.get_by_role("button", name="Save").click()
    expect(card(hooks, "renamed")).to_contain_text("Enabled")
    dialog = press(hooks, "Disable renamed")
    dialog.get_by_role("button", name="Keep it").click()
    assert http.get(path).json()["status"] == "enabled"
    dialog = press(hooks, "Disable renamed")
    dialog.get_by_role("button", name="Disable").click()
    expect(card(hooks, "renamed")).to_contain_text("It was disabled by hand.")
    assert http.get(path).json()["status"] == "disabled"
    hooks.page.get_by_role("button", name="Enable renamed").click()
    expect(card(hooks, "renamed")).to_contain_text("Enabled")
    dialog = press(hooks, "Delete renamed")
    dialog.get_by_role("button", name="Delete").click()
    expect(card(hooks, "renamed")).to_have_count(0)
    assert http.get(path).status_code == 404


def test_a_rotated_secret_signs_beside_the_old_one_or_alone(
    hooks: Visit, http: httpx.Client, receiver: Receiver
) -> None:
    old = endpoint(http, receiver)["signing_secret"]
    hooks.page.reload()
    for keep in (True, False):
        dialog = press(hooks, "Rotate secret the hook")
        dialog.get_by_label("Sign with the old secret").set_checked(keep)
        dialog.get_by_role("button", name="Rotate").click()
        dialog.get_by_label("Secret", exact=True).wait_for()
        secret = hooks.keep_secret()
        receiver.got.clear()
        end_video(http)
        (got,) = receiver.wait(1)
        Webhook(secret).verify(got.body, got.headers)
        assert len(got.headers["webhook-signature"].split()) == (2 if keep else 1)
        assert secret != old


def test_the_secret_of_requests_is_shown_and_replaced(hooks: Visit, http: httpx.Client) -> None:
    press(hooks, "Show secret").get_by_label("Secret", exact=True).wait_for()
    first = hooks.keep_secret()
    assert first == http.get("/v1/webhooks/secret").json()["key"]
    press(hooks, "Rotate secret of requests").get_by_role("button", name="Rotate").click()
    hooks.page.get_by_role("dialog").get_by_label("Secret", exact=True).wait_for()
    second = hooks.keep_secret()
    assert second == http.get("/v1/webhooks/secret").json()["key"] != first


def test_a_failed_delivery_tells_every_attempt_and_is_sent_again_under_its_id(
    hooks: Visit, http: httpx.Client, receiver: Receiver
) -> None:
    made = endpoint(http, receiver)
    receiver.answers = [status(500, EVIL, Retry_After="36000")]
    end_video(http)
    receiver.wait(1)
    hooks.page.reload()
    row = hooks.row("video.cancelled")
    expect(row).to_contain_text("Pending")
    expect(row).to_contain_text("next try in 10 hours")
    row.get_by_text("1 attempt, last 500").click()
    expect(row.get_by_label("What it answered")).to_have_text(EVIL.decode())
    row.get_by_role("button", name="Send now").click()
    expect(row).to_contain_text("Delivered")
    expect(row).to_contain_text("2 attempts, last 204")
    expect(row.get_by_label("What it answered")).to_be_visible()  # it was open, and is
    row.get_by_role("button", name="Resend").click()
    expect(row).to_contain_text("3 attempts")
    assert len(set(receiver.ids)) == 1
    http.post(f"/v1/webhook_endpoints/{made['id']}", json={"status": "disabled"})
    row.get_by_role("button", name="Resend").click()
    expect(hooks.page.locator(".toast").filter(has_text="Its endpoint is disabled; enable it first.")).to_be_visible()
    hooks.forgive(400)


def test_filters_narrow_the_deliveries_and_survive_a_reload(
    hooks: Visit, http: httpx.Client, receiver: Receiver
) -> None:
    endpoint(http, receiver)
    receiver.answer = status(410)
    first = end_video(http, webhook_url=receiver.url("/own"))
    wait_until(lambda: len(delivered(http, "failed")) == 2, "failures")
    receiver.answer = status(204)
    second = end_video(http, webhook_url=receiver.url("/own"))
    wait_until(lambda: delivered(http), "delivery")
    page = hooks.page
    page.reload()
    rows = page.locator("[data-delivery]")
    expect(rows).to_have_count(3)
    page.get_by_label("Status").select_option("failed")
    expect(rows).to_have_count(2)
    page.get_by_label("Receiver").select_option(label="the hook")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Receiver").locator("option:checked")).to_have_text("the hook")
    page.get_by_label("Status").select_option("")
    page.get_by_label("Receiver").select_option("")
    page.get_by_role("textbox", name="Video").fill(second)
    page.get_by_role("textbox", name="Video").blur()
    expect(rows).to_have_count(1)
    expect(rows.get_by_role("link", name="video")).to_have_attribute("href", f"#/videos/{second}")
    page.get_by_role("textbox", name="Video").fill("video_of_nobody")
    page.get_by_role("textbox", name="Video").blur()
    expect(page.get_by_text("No delivery fits.")).to_be_visible()
    page.get_by_role("textbox", name="Video").fill(first)
    page.get_by_role("textbox", name="Video").blur()
    expect(rows).to_have_count(2)


def test_more_deliveries_than_a_page_are_shown_page_by_page_and_new_ones_above(
    hooks: Visit, http: httpx.Client, receiver: Receiver
) -> None:
    for _ in range(23):
        end_video(http, webhook_url=receiver.url())
    wait_until(lambda: len(delivered(http)) == 20, "a page of deliveries")
    page = hooks.page
    page.reload()
    rows = page.locator("[data-delivery]")
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(23)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    newest = end_video(http, webhook_url=receiver.url())
    expect(rows).to_have_count(24)
    expect(rows.first.get_by_role("link", name="video")).to_have_attribute("href", f"#/videos/{newest}")
    listed = http.get("/v1/webhook_deliveries?limit=100").json()["data"]
    assert page.evaluate("[...document.querySelectorAll('[data-delivery]')].map((row) => row.dataset.delivery)") == [
        each["id"] for each in listed
    ]


def test_a_reader_sees_the_webhooks_and_changes_none(open_page: Callable[..., Visit], guarded: Running) -> None:
    visit = open_page()
    visit.sign_in(make(guarded.http, role="reader")["key"], "#/webhooks")
    expect(visit.page.get_by_text("No endpoint yet")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Show secret")).to_be_visible()
    expect(visit.page.get_by_role("button", name="New endpoint")).to_be_hidden()
    expect(visit.page.get_by_role("button", name="Rotate secret of requests")).to_have_count(0)


@looks
def test_the_webhooks_and_their_dialogs_look_right(
    open_page: Callable[..., Visit], http: httpx.Client, key: str, receiver: Receiver, options: dict[str, Any]
) -> None:
    endpoint(http, receiver, url=receiver.url("/a-long-path" * 12))
    receiver.answer = status(500, b"no " * 300, Retry_After="36000")
    end_video(http)
    wait_until(lambda: [each for each in delivered(http, "pending") if each["attempts"]], "failed attempt")
    visit = open_page(**options)
    visit.sign_in(key, "#/webhooks")
    visit.row("video.cancelled").get_by_text("1 attempt, last 500").click()
    found = {"room": faults(visit)}
    dialog = press(visit, "Change the hook")
    dialog.get_by_label("URL").fill("nowhere")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("[data-param=url] .error")).to_be_visible()
    found["refused"] = faults(visit)
    dialog.get_by_role("button", name="Cancel").click()
    press(visit, "Rotate secret the hook")
    found["rotate"] = faults(visit)
    assert {place: each for place, each in found.items() if each} == {}
    visit.forgive(400)
