"""Just enough SVG for the pictures of the guide: a light card that reads the same on a dark page."""

from __future__ import annotations

from html import escape

INK, QUIET, LINE, CARD = "#1f2933", "#5b6770", "#9aa5b1", "#f7f9fa"
ASKED, USED = "#c2410c", "#0f766e"
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"


def picture(width: int, height: int, title: str, parts: list[str]) -> str:
    """Put parts on a card. `title` is what somebody hears who does not see it. Lengths are pixels, here as below."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="{_FONT}" font-size="13">\n<title>{escape(title)}</title>\n'
    )
    return head + "\n".join([box(0, 0, width, height, fill=CARD, stroke="none", corner=8), *parts, "</svg>\n"])


def box(
    x: float, y: float, width: float, height: float, *, fill: str, stroke: str, corner: float = 0, dashed: bool = False
) -> str:
    """Draw a rectangle."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{corner:g}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="1.5"{dash}/>'
    )


def text(x: float, y: float, words: str, *, colour: str = INK, size: int = 13, anchor: str = "middle") -> str:
    """Write a line."""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'


def path(track: str, *, colour: str = QUIET, arrow: bool = False) -> str:
    """Draw a line along a track of SVG's own commands, with a head at its end."""
    head = ' marker-end="url(#head)"' if arrow else ""
    return f'<path d="{track}" fill="none" stroke="{colour}" stroke-width="1.5"{head}/>'


HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    f'orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" fill="{QUIET}"/></marker></defs>'
)
