"""The guide as a site: it builds strictly, has every page, loads nothing from elsewhere; and links, on GitHub too."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from playwright.sync_api import sync_playwright
from starlette.staticfiles import StaticFiles

from tests.docs.site_hooks import OF_THE_ROOT
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
PAGES = [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
ADDRESSES = {"canonical", "prev", "next"}  # of `link`: nothing is fetched for these


class Loaded(HTMLParser):
    """Collects what a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address, if it is one that is fetched."""
        given = dict(attrs)
        address = given.get(LOADS.get(tag, ""))
        if address and given.get("rel") not in ADDRESSES:
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder))
    assert config.strict
    build(config)
    return folder


def test_every_page_is_in_the_site_and_in_its_nav(site: Path) -> None:
    sources = [path.relative_to(ROOT / "docs").as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    nav = (site / "index.html").read_text()
    for source in (*sources, *OF_THE_ROOT):
        page = re.sub(r"README\.md$", "index.md", source).removesuffix(".md") + ".html"
        assert (site / page).is_file(), source
        assert f'href="{page}"' in nav, source


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert loaded.addresses
        assert [address for address in loaded.addresses if re.match(r"(?:[a-z]+:)?//", address)] == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", style.read_text()), style.name


def test_a_browser_that_reads_and_searches_the_site_asks_nobody_else(site: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    asked: list[str] = []
    with run(StaticFiles(directory=site)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, timeout=100_000)
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}/index.html")
        page.locator("input[name=query]").press_sequentially("idempotency")  # it listens for keys, not for a new value
        page.wait_for_selector(".md-search-result__item a[href*='idempotency.html']")
        page.goto(f"{url}/architecture.html")
        browser.close()
    assert any(address.endswith("states.svg") for address in asked)
    assert [address for address in asked if not address.startswith(url)] == []


def test_the_index_names_every_page() -> None:
    docs = ROOT / "docs"
    named = {(docs / link).resolve() for link in LINK.findall((docs / "README.md").read_text())}
    pages = {page for page in docs.rglob("*.md") if page.parent.name != "decisions"} - {docs / "README.md"}
    assert pages | {docs / "decisions" / "README.md"} | {ROOT / name for name in OF_THE_ROOT} <= named


def test_every_decision_is_introduced() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_anchor_of_a_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(without_code(page.read_text())):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.is_file() or (path / "README.md").is_file(), link
        assert not anchor or anchor in set(anchors(path)), link


def anchors(page: Path) -> Iterator[str]:
    """Yield the anchors of a page's headings, as GitHub makes them."""
    for heading in re.findall(r"^#{1,6} (.+)$", without_code(page.read_text()), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        yield re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def without_code(text: str) -> str:
    """Leave out what only looks like headings and links."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
