"""What a browser sends: the cookie of its session, and the proof that our own page sent the request.

A cookie counts only with `x-reelgate-session: 1`. Another site's page cannot set that header without asking first
(a CORS preflight), which is never allowed; and a request that changes something must name us as its origin as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api.origins import is_foreign

if TYPE_CHECKING:
    from fastapi import Request, Response

_HEADER = "x-reelgate-session"
_COOKIE = "reelgate"
_SECURE_COOKIE = "__Host-reelgate"  # a name that browsers take over https only, and from no sibling domain
_READS = ("GET", "HEAD")


def session_token(request: Request, public_url: str | None) -> str | None:
    """Return the session's token, if there is one and our own page sends it."""
    if not is_own_page(request, public_url):
        return None
    return request.cookies.get(_SECURE_COOKIE) or request.cookies.get(_COOKIE)


def is_own_page(request: Request, public_url: str | None) -> bool:
    """Say whether our own page sent the request."""
    headers = request.headers
    if headers.get(_HEADER) != "1" or is_foreign(request.method, headers, public_url):
        return False
    return "origin" in headers or request.method in _READS  # browsers name the origin of everything else


def set_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    """Have the browser keep the token where no script reads it; over https, only ever send it over https."""
    secure = _is_https(request)
    name = _SECURE_COOKIE if secure else _COOKIE
    response.set_cookie(name, token, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict")


def drop_cookie(request: Request, response: Response) -> None:
    """Have the browser forget the token."""
    secure = _is_https(request)
    name = _SECURE_COOKIE if secure else _COOKIE
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")


def _is_https(request: Request) -> bool:
    """Ask the browser, which a proxy in between does not deceive."""
    return request.headers.get("origin", "").startswith("https://")
