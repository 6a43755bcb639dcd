"""A gateway with keys, and a browser."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.dashboard.visits import ADMIN_KEY, Visit, visitor
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from playwright.sync_api import Browser

    from tests.serving import Running

expect.set_options(timeout=30_000)  # what a page shows of itself within seconds takes longer where others work, too


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve with keys required; its `http` is an admin's program."""
    with serve(settings_for(tmp_path_factory.mktemp("dashboard"), admin_key=ADMIN_KEY)) as running:
        running.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        yield running


@pytest.fixture
def visit(guarded: Running) -> Iterator[httpx.Client]:
    """Give what a browser on our own page sends, not signed in."""
    with visitor(guarded) as http:
        yield http


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium of this machine."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, timeout=100_000)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, guarded: Running) -> Iterator[Callable[..., Visit]]:
    """Open pages of the dashboard: `open_page(gateway, color_scheme="dark", …)`; none may complain."""
    visits: list[Visit] = []

    def begin(gateway: Running | None = None, **options: object) -> Visit:
        visits.append(Visit.begin(browser, gateway or guarded, **options))
        return visits[-1]

    yield begin
    for visit in visits:
        visit.end()
