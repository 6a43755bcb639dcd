"""What mkdocs is told beyond mkdocs.yml: the decisions, the pages of the repository's root, and links to and from them.

A link in a page is the path that GitHub follows. In the site the pages of the root stand beside those of docs/.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
OF_THE_ROOT = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
IN_ITS_PLACE = {"README.md": "docs/README.md"}  # GitHub's front page; the site's says the same in fewer words
_LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List every decision under the page that introduces them."""
    others = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")
    for part in _sections(config.nav):
        if part.get("Decisions"):
            part["Decisions"] += [f"decisions/{name}" for name in others]
    return config


def _sections(nav: Any) -> Iterator[dict[str, list[Any]]]:
    """Yield the sections of a nav, those within others too."""
    for part in nav:
        if isinstance(part, dict):
            yield part
            for inner in part.values():
                yield from _sections(inner)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root."""
    for name in OF_THE_ROOT:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs'
    """Make every link one between pages of the site."""
    here = page.file.src_uri
    folder = posixpath.dirname(here if here in OF_THE_ROOT else f"docs/{here}")

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        target = IN_ITS_PLACE.get(target, target).removeprefix("docs/")
        return f"{link[1]}{posixpath.relpath(target, posixpath.dirname(here) or '.')}{link[3]}"

    return _LINK.sub(moved, markdown)
