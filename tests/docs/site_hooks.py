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
_LINK = re.compile(r"\[(?P<words>(?:[^][]|\[[^][]*\])*)\]\((?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


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
    """Make every link one between pages of the site; one that is a file's name gets the page's."""
    here = page.file.src_uri
    folder = posixpath.dirname(here if here in OF_THE_ROOT else f"docs/{here}")

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link["path"]))
        target = IN_ITS_PLACE.get(target, target)
        if not target.startswith("docs/") and target not in OF_THE_ROOT and (ROOT / target).exists():
            return link["words"]  # a file of the repository that the site has not
        target = target.removeprefix("docs/")
        words = _title(files, target) if link["words"].endswith(".md") else link["words"]
        return f"[{words}]({posixpath.relpath(target, posixpath.dirname(here) or '.')}{link['anchor'] or ''})"

    return _LINK.sub(moved, markdown)


def _title(files: Files, target: str) -> str:
    """Return what the nav calls a page, or else its heading."""
    found = files.get_file_from_path(target)
    if found is None:
        return target  # mkdocs says that the link is broken
    title = found.page.title if found.page else None
    return title or found.content_string.partition("\n")[0].removeprefix("# ")
