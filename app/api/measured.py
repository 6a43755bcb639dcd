"""How long each route takes to answer, by its template: what a caller writes into a path is never a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from app.metrics import HTTP_SECONDS, OTHER

if TYPE_CHECKING:
    from prometheus_client import Histogram
    from starlette.types import Scope

_Key: TypeAlias = tuple[str, str, int]  # method, template, hundreds of the status

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TEMPLATE, _HELD = "reelgate.template", "reelgate.held"  # in the scope

# Looked up by hand: `labels` takes twice as long as the observation itself. One entry per series, so no more of them.
_timers: dict[_Key, Histogram] = {}


def as_route(scope: Scope, template: str) -> None:
    """Say which route it is that answers a request before anything is routed."""
    scope[_TEMPLATE] = template


def held(scope: Scope) -> None:
    """Note that an answer is held until there is news, and so says nothing of how fast the route is."""
    scope[_HELD] = True


def measure(scope: Scope, status: int, milliseconds: float) -> str:
    """Observe a request that was answered, and return its route's template."""
    method = scope["method"] if scope["method"] in _METHODS else OTHER
    template = scope.get(_TEMPLATE) or _template(scope)
    key = method, template, status // 100
    timer = _timers.get(key)
    if timer is None:
        timer = _timers[key] = HTTP_SECONDS.labels(method, template, f"{key[2]}xx")
    timer.observe(milliseconds / 1000)
    return template


def _template(scope: Scope) -> str:
    """Return the template of the route that took the request, the same under either prefix; OTHER where none did."""
    route = scope.get("route")
    if route is None:
        return OTHER
    prefix = "/v1" if scope["path"].startswith(("/v1/", "/openai/v1/")) else ""
    return f"{prefix}{route.path}{'?wait' if scope.get(_HELD) else ''}"
