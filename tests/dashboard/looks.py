"""What every room has to stand: axe in light and in dark, and the width of a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from tests.dashboard.visits import Visit

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

# Options of a visit; with them axe is let in by the page's policy.
looks = pytest.mark.parametrize(
    "options",
    [
        pytest.param({"bypass_csp": True, "color_scheme": "light"}, id="light"),
        pytest.param({"bypass_csp": True, "color_scheme": "dark"}, id="dark"),
        pytest.param({"bypass_csp": True, **PHONE}, id="phone"),
    ],
)

_GRAVE = ("serious", "critical")


def violations(visit: Visit) -> list[Any]:
    """Return what axe finds serious in the page as it is now."""
    found = Axe().run(visit.page).response["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found if each["impact"] in _GRAVE]


def faults(visit: Visit) -> list[Any]:
    """Return what axe finds, and whether one has to scroll sideways."""
    wide = visit.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return violations(visit) + (["wider than the window"] if wide else [])
