"""How the tests of the dashboard sign in: what a browser sends by itself, and a real browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request

    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-dashboard-tests"
OWN = {"x-reelgate-session": "1"}
# What is told for some seconds (a toast, "Copied") stays for a minute: where much else goes on, it is looked at late.
_LINGER = """(() => {
  const later = window.setTimeout;
  const lingering = [2000, 6000];
  window.setTimeout = (work, ms, ...more) => later(work, lingering.includes(ms) ? 60000 : ms, ...more);
})()"""


def visitor(gateway: Running, origin: str | None = None) -> httpx.Client:
    """Return a client that sends what a browser on our own page sends."""
    return httpx.Client(base_url=gateway.url, headers={**OWN, "origin": origin or gateway.url}, timeout=60)


def sign_in(visit: httpx.Client, key: str = ADMIN_KEY) -> httpx.Response:
    """Exchange a key for a session, which the client keeps as a browser does."""
    return visit.post("/session", json={"api_key": key})


def video_count(visit: httpx.Client) -> int:
    """Use the session."""
    answer = visit.get("/v1/videos")
    assert answer.status_code == 200, answer.text
    return len(answer.json()["data"])


@dataclass
class Visit:
    """A page of the dashboard in a real browser, and everything that a careful visitor would complain of."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    refusals: int = 0  # 401s that the test provokes: the browser writes them to its console

    @classmethod
    def begin(cls, browser: Browser, gateway: Running, **options: object) -> Visit:
        """Open a page of its own, with nothing kept from others."""
        context: BrowserContext = browser.new_context(base_url=gateway.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        visit = cls(context.new_page(), gateway.url)
        visit.page.on("console", visit._hear)
        visit.page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
        visit.page.on("request", visit._watch)
        visit.page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective}`))"
        )
        visit.page.add_init_script(_LINGER)
        return visit

    def _hear(self, message: ConsoleMessage) -> None:
        if "401 (Unauthorized)" in message.text and self.refusals:
            self.refusals -= 1
        elif message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "blob:", "data:")):
            self.complaints.append(f"external request: {request.url}")

    def end(self) -> None:
        """Close the page; nothing may have gone wrong on it."""
        self.page.context.close()
        assert self.complaints == []

    def forgive(self, status: int) -> None:
        """Take back what the browser complained of refusals that the test provoked."""
        self.complaints = [each for each in self.complaints if f"status of {status}" not in each]

    def row(self, name: str) -> Locator:
        """Find the row of a table that has a cell so named."""
        return self.page.get_by_role("row").filter(has_text=name)

    def keep_secret(self) -> str:
        """Read the secret that is shown once, and close it; it is nowhere afterwards."""
        dialog = self.page.get_by_role("dialog")
        secret = dialog.get_by_label("Secret", exact=True).inner_text()
        dialog.get_by_role("button", name="Done").click()
        dialog.wait_for(state="detached")
        kept = self.page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href])")
        assert secret not in self.page.content() + str(kept)
        return secret

    def sign_in(self, key: str = ADMIN_KEY, place: str = "") -> None:
        """Open the dashboard and sign in."""
        self.page.goto(f"/{place}")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("navigation").wait_for()

    def describe(self, prompt: str, *, mode: str = "Text", seconds: int | None = 1) -> None:
        """Fill in the playground: something small that is made quickly."""
        self.choose("Mode", mode)
        self.page.get_by_label("Prompt").fill(prompt)
        self.choose("Resolution", "480p")
        if seconds is not None:
            self.page.get_by_label("Seconds").fill(str(seconds))

    def choose(self, group: str, name: str) -> None:
        """Choose one of a row of choices."""
        self.page.get_by_role("group", name=group).get_by_role("radio", name=name, exact=True).check()

    def choices(self, group: str) -> list[str]:
        """Read a row of choices."""
        found = self.page.get_by_role("group", name=group)
        return found.locator("label").all_inner_texts() if found.is_visible() else []

    def make(self) -> Locator:
        """Send it, and return its place among the results."""
        before = self.page.locator("article.result").count()
        self.page.get_by_role("button", name="Make video").click()
        self.page.locator("article.result").nth(before).wait_for()
        return self.page.locator("article.result").first

    def wait_for_price(self) -> str:
        """Wait for the dry run, and return what it says."""
        panel = self.page.get_by_label("Price and warnings")
        panel.locator(".price:not(:empty)").wait_for()
        return panel.inner_text()


def plays(video: Locator) -> bool:
    """Play a video for a moment."""
    return bool(
        video.evaluate(
            """async (video) => {
              video.muted = true;
              await video.play();
              const deadline = performance.now() + 30000;
              while (video.currentTime === 0 && performance.now() < deadline) await new Promise(requestAnimationFrame);
              return video.currentTime > 0 && video.videoWidth > 0;
            }"""
        )
    )
