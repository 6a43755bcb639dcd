"""What the shell offers on TAB: names that the gateway knows, asked for quickly, and nothing where it is silent.

A shell may evaluate what is printed here (zsh does), and prompts are strangers' words: only harmless letters leave.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import typer

_SECONDS = 0.5  # that somebody who pressed TAB waits at most for an answer
_SHOWN = 40  # characters of a prompt
_MOST = 100  # videos or submissions that are offered
_NAME = re.compile(r"[A-Za-z0-9._/-]+")
_HARMFUL = re.compile(r"[^\w ,.-]+")

Offers = list[tuple[str, str]]


def complete_video(ctx: typer.Context) -> Offers:
    """Offer the newest videos, each with its state and prompt."""
    videos = _listed(ctx, "/v1/videos", limit=_MOST)
    return _harmless((video["id"], f"{video['status']}, {video['prompt']}") for video in videos)


def complete_model(ctx: typer.Context) -> Offers:
    """Offer models and their aliases: the gateway's, or those that are built in."""
    models = _listed(ctx, "/v1/models")
    if models:
        return _harmless((name, model["name"]) for model in models for name in (model["id"], *model["aliases"]))
    from app.domain.catalogue import builtin

    known = builtin()
    names = {**{model: model for model in known.models}, **known.aliases}
    return _harmless((name, known.models[model].name) for name, model in names.items())


def complete_provider(ctx: typer.Context) -> Offers:
    """Offer the gateway's providers, or those that there are."""
    found = {provider for model in _listed(ctx, "/v1/models") for provider in model["providers"]}
    return _harmless((name, "") for name in sorted(found or {"aimlapi", "fal", "local", "xai"}))


def complete_key(ctx: typer.Context) -> Offers:
    """Offer the API keys, each with its name."""
    return _harmless((key["id"], key["name"]) for key in _listed(ctx, "/v1/keys"))


def complete_submission(ctx: typer.Context) -> Offers:
    """Offer the submissions whose fate is unknown."""
    found = _listed(ctx, "/v1/submissions", limit=_MOST)
    return _harmless((each["id"], f"{each['provider']}, {each['prompt']}") for each in found)


def _listed(ctx: typer.Context, path: str, **query: int) -> list[dict[str, Any]]:
    """Ask the gateway for a list; whatever is wrong, there is none: nobody reads an error while typing."""
    with suppress(Exception):
        import httpx

        from app.cli.connection import addresses, authorization
        from app.config import CommandSettings

        settings = CommandSettings()
        with httpx.Client(headers=authorization(settings), timeout=_SECONDS, trust_env=False) as http:
            for url in addresses(settings, ctx.params.get("base_url")):
                with suppress(httpx.HTTPError):
                    found: list[dict[str, Any]] = http.get(f"{url}{path}", params=query).json()["data"]
                    return found
    return []


def _harmless(offers: Any) -> Offers:  # noqa: ANN401 - pairs
    return [(name, _HARMFUL.sub(" ", about)[:_SHOWN]) for name, about in offers if _NAME.fullmatch(name)]
