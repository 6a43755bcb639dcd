"""The pictures of the dashboard: photographs of a real gateway's pages, in Chromium, with something to see on each.

Clips, videos and budgets are real, and so is what a browser makes of them. How providers did is told by a report
that is made up here: a day of it, with troubles of every kind, is too long to wait for.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias

from playwright.sync_api import expect, sync_playwright

from app.api.provider_schemas import ProviderList
from tests.api.holders import client, make
from tests.dashboard.visits import ADMIN_KEY, Visit
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.serving import Running

    Drawing: TypeAlias = Callable[[Running, Page], None]

_WIDTH, _QUALITY = 1280, 85  # pixels; of JPEG
_DAY = 86_400
_MICROS = 1_000_000
_PLAY = """async () => {
  const video = document.querySelector('article.result video');
  video.muted = true;
  video.controls = false;
  await video.play();
  while (video.currentTime < 1) await new Promise(requestAnimationFrame);
  video.pause();
  video.controls = true;
}"""
_SHORT = {"resolution": "480p", "seconds": 2}


def draw(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Give every picture by its name; `folder` is for the gateway. Raises LookupError where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise LookupError("no Chromium is installed")
    expect.set_options(timeout=20_000)
    settings = settings_for(folder, admin_key=ADMIN_KEY)
    with sync_playwright() as playwright, serve(settings) as gateway:
        gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        with playwright.chromium.launch(executable_path=chromium) as browser:
            for name, (drawing, scheme, height) in PICTURES.items():
                yield name, _photograph(browser, gateway, drawing, scheme, height)


def _photograph(browser: Browser, gateway: Running, drawing: Drawing, scheme: str, height: int) -> bytes:
    looks = {"viewport": {"width": _WIDTH, "height": height}, "color_scheme": scheme}
    visit = Visit.begin(browser, gateway, bypass_csp=True, **looks)  # which would forbid to wait for what a page says
    visit.sign_in()
    drawing(gateway, visit.page)
    visit.page.mouse.move(0, 0)
    taken = visit.page.screenshot(type="jpeg", quality=_QUALITY, animations="disabled")
    visit.end()
    return taken


def _costs(gateway: Running, page: Page) -> None:
    """Spend for a month, by four keys with budgets and one without."""
    budgets: dict[str, tuple[float, float, dict[str, Any]]] = {  # dollars spent and reserved
        "Intern": (5.0, 0.0, {"budget_usd": 5}),
        "Nightly tests": (9.4, 0.3, {"budget_usd": 10, "budget_period": "day"}),
        "Film team": (187.5, 12.0, {"budget_usd": 400, "budget_period": "month"}),
        "Marketing, spring campaign 2027": (640.0, 0.0, {"budget_usd": 2500}),
        "Research": (0.0, 0.0, {}),
    }
    keys = {name: make(gateway.http, name=name, **limits)["id"] for name, (_, _, limits) in budgets.items()}
    with closing(sqlite3.connect(gateway.data_dir / "reelgate.sqlite3", timeout=30)) as database, database:
        for number, (at, amount) in enumerate(_spend(time.time())):
            place = ("xai", "grok-imagine-video") if number % 3 else ("fal", "veo-3")
            row = (f"l{number}", keys["Film team"], at, int(at // _DAY), f"v{number}", f"o{number}", *place, amount)
            database.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'completed', 8.0, ?)", row)
        for name, (spent, reserved, _) in budgets.items():
            spending = (round(spent * _MICROS), round(reserved * _MICROS), keys[name])
            database.execute("UPDATE budgets SET spent = base + ?, reserved = ? WHERE owner = ?", spending)
    page.goto("/#/costs")
    page.locator(".page:has(.chart .mark) .budgets").wait_for()
    expect(page.get_by_text("Nearly spent:")).to_be_visible()


def _spend(now: float) -> Iterator[tuple[float, int]]:
    """Give moments of a month and micro-dollars, the same ones every time."""
    chance = random.Random(7)  # noqa: S311 - for a picture
    for ago in range(29):
        for _ in range(chance.randrange(4, 13)):
            yield now - ago * _DAY, chance.randrange(400_000, 2_200_000)


def _playground(_gateway: Running, page: Page) -> None:
    """Make a clip, with the request beside it."""
    page.get_by_label("Prompt").fill("a red kite over a harbour, evening light, slow dolly in")
    for group, name in (("Shape", "16:9"), ("Resolution", "720p")):
        page.get_by_role("group", name=group).get_by_role("radio", name=name, exact=True).check()
    page.get_by_label("Seconds").fill("4")
    page.locator(".price:not(:empty)").wait_for()
    page.get_by_role("tab", name="Python").click()
    page.get_by_role("button", name="Make video").click()
    expect(page.get_by_text("Completed", exact=True)).to_be_visible(timeout=120_000)
    page.evaluate(_PLAY)  # a clip that was never played has a wheel that turns in front of it
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def _videos(gateway: Running, page: Page) -> None:
    """Look at what two keys have made, and make now."""
    prompts = (
        ("studio", {"prompt": "Mountains under a moving sky"}),
        ("web shop", {"prompt": "The city at night, rain on the windows, neon", "aspect_ratio": "9:16"}),
        ("studio", {"prompt": "A paper boat sails over a calm sea at dawn"}),
    )
    keys = {name: make(gateway.http, name=name)["key"] for name in ("studio", "web shop")}
    for name, fields in prompts:
        with client(gateway, keys[name]) as http:
            gateway.wait(http.post("/v1/videos", json={**_SHORT, **fields}).raise_for_status().json()["id"], 120)
    page.goto("/#/videos?key_id=all")
    expect(page.locator(".gallery img")).to_have_count(4, timeout=60_000)
    with client(gateway, keys["web shop"]) as http:
        slow = {"prompt": "Waves at the pier, a gull in the wind", "resolution": "720p", "seconds": 15}
        http.post("/v1/videos", json=slow).raise_for_status()
    page.wait_for_function("document.querySelector('.gallery progress')?.value > 20", timeout=60_000)
    page.wait_for_function("[...document.querySelectorAll('.gallery img')].every((each) => each.naturalWidth > 0)")


def _health(_gateway: Running, page: Page) -> None:
    """Look at a day with troubles."""
    report = ProviderList.model_validate(_report(round(time.time()))).model_dump_json()
    page.route("**/v1/providers", lambda route: route.fulfill(body=report, content_type="application/json"))
    page.goto("/#/health")
    expect(page.get_by_role("heading", name="Something is wrong")).to_be_visible()
    page.locator(".provider").last.wait_for()


def _report(now: int) -> dict[str, Any]:
    fal = _provider(1, "fal", "fal.ai", (821, 48), (38.9, 65.0), accepted=827, refused=14, unknown=2)
    fal["breaker"] = {"state": "open", "failures": 5, "retry_in_seconds": 18.0}
    fal["success_rate"] = 0.98
    fal["failures"] = _failures(moderation_blocked=20, provider_error=11, cancelled=9, timeout=6, submission_unknown=2)
    aimlapi = _provider(2, "aimlapi", "AI/ML API", (210, 33), (71.0, 118.0), accepted=226, refused=4)
    aimlapi["failures"] = _failures(provider_error=31, media_unavailable=2)
    aimlapi["balance"] = {"amount": 3.4, "currency": "usd", "checked_at": now - 20}
    busy = {"code": None, "message": "It had too much to do, or was out of order.", "at": now - 3000}
    aimlapi["last_refusal"] = busy
    xai = _provider(3, "xai", "xAI", (512, 31), (25.9, 46.1), accepted=523, refused=9)
    xai["success_rate"] = 1.0
    xai["failures"] = _failures(moderation_blocked=31)
    counts = {"queued": 14, "submitting": 0, "running": 6, "storing": 1, "cleanup": 0, "webhooks": 2}
    states = [{"state": state, "count": count, "overdue_seconds": 0.0} for state, count in counts.items()]
    queue = {"oldest_queued_seconds": 1512.0, "flagged_submissions": 2, "nearly_spent_budgets": 2, "states": states}
    data = [fal, aimlapi, xai]
    return {"object": "list", "data": data, "queue": queue, "breakers": "gateway", "window_seconds": _DAY}


def _provider(
    order: int, name: str, title: str, ended: tuple[int, int], lengths: tuple[float, float], **submits: int
) -> dict[str, Any]:
    none = {"accepted": 0, "refused": 0, "unsent": 0, "unknown": 0}
    return {
        "id": name,
        "object": "provider",
        "name": title,
        "order": order,
        "breaker": {"state": "closed", "failures": 0, "retry_in_seconds": 0.0},
        **dict(zip(("completed", "failed"), ended, strict=True)),
        "failed_over": 0,
        **dict(zip(("median_seconds", "p95_seconds"), lengths, strict=True)),
        "success_rate": round(ended[0] / sum(ended), 4),
        "submits": {**none, **submits},
        "recent": {**none, "accepted": 3},
        "last_refusal": None,
        "balance": None,
    }


def _failures(**counts: int) -> list[dict[str, Any]]:
    return [{"code": code, "count": count} for code, count in counts.items()]


PICTURES: dict[str, tuple[Drawing, str, int]] = {  # light or dark, and the height in pixels
    "dashboard-playground.jpg": (_playground, "light", 1060),
    "dashboard-costs.jpg": (_costs, "dark", 1098),
    "dashboard-health.jpg": (_health, "light", 1112),
    "dashboard-videos.jpg": (_videos, "dark", 640),
}
