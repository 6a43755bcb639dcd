"""Judge REELGATE_PUBLIC_URL as the internet would: providers call it back, and fetch inputs and media from it."""

from __future__ import annotations

import httpx

from app.media.destination import Resolver, shown
from app.media.errors import MediaError
from app.media.network import NetworkPolicy, is_public

_SECONDS = 10.0
_SERVICE = "reelgate"


class PublicUrlError(Exception):
    """What is wrong with the address, and what to do about it."""


async def check_public_url(url: str, *, running: bool) -> str:
    """Ask for the gateway at its public address and say what was found; an answer is needed where one is `running`.

    Raises PublicUrlError.
    """
    if not url.startswith("https://"):
        raise PublicUrlError(
            f"{url} is not https, which providers insist on: put a proxy with a certificate in front and name its "
            "https address, or unset REELGATE_PUBLIC_URL"
        )
    try:
        destination = await Resolver(NetworkPolicy(everything=True)).resolve(url)
    except MediaError as error:
        raise PublicUrlError(f"{error.message} REELGATE_PUBLIC_URL must be a name that the internet knows") from error
    if not is_public(destination.address):
        raise PublicUrlError(
            f"{shown(destination.url)} is at {destination.address}, which is not on the public internet: no provider "
            "reaches it. Name the address by which the internet reaches the gateway, or unset REELGATE_PUBLIC_URL"
        )
    try:
        return await _asked(url)
    except PublicUrlError:
        if not running:
            return f"{url} is public; whether it leads here is seen when the gateway runs"
        raise


async def _asked(url: str) -> str:
    """Ask for /healthz as a caller from outside would: a redirect is not followed, for providers follow none."""
    advice = "let it pass everything on to the gateway, /healthz and /v1 included"
    try:
        async with httpx.AsyncClient(verify=httpx.create_ssl_context(), trust_env=False, timeout=_SECONDS) as client:
            answer = await client.get(f"{url}/healthz")
    except httpx.HTTPError as error:
        raise PublicUrlError(f"{url}/healthz does not answer ({error or type(error).__name__}): {advice}") from error
    if answer.status_code != httpx.codes.OK:
        raise PublicUrlError(f"{url}/healthz answers {answer.status_code}: {advice}")
    if f'"{_SERVICE}"' not in answer.text:
        raise PublicUrlError(f"{url}/healthz is answered by something else: {advice}")
    return f"{url} leads to a gateway"
