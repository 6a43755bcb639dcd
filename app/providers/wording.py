"""What adapters read out of words for people, where no machine word tells; and what clients are told in their stead."""

from __future__ import annotations

import re

_POLICIES = r"(?:polic(?:y|ies)|guidelines?|terms|rules|safety)"
_BLOCKED = re.compile(  # "the moderation service is down" is none
    r"moderat(?!ion\W+(?:service|system)\b)|content[ _-]polic|usage[ _-]guidelines|nsfw"
    rf"|safety[ _-](?:system|filter|check)|violat\w*\W+(?:\w+\W+){{0,4}}{_POLICIES}\b|{_POLICIES}\W+violat",
    re.IGNORECASE,
)


def speaks_of_moderation(text: str) -> bool:
    """Say whether an error's words are those of a policy refusal."""
    return bool(_BLOCKED.search(text))


def wrong_key(title: str, variable: str) -> str:
    """Say that the key is refused."""
    return f"{title} does not accept the gateway's key: check {variable}."


def no_balance(title: str) -> str:
    """Say that the account is empty."""
    return f"The gateway's account at {title} has no balance left."


def not_allowed(title: str) -> str:
    """Say that the account may not do this."""
    return f"{title} does not allow this to the gateway's account."


def not_offered(title: str) -> str:
    """Say that the model is gone, or not for this account."""
    return f"{title} does not offer this model to the gateway's account."


def busy(title: str) -> str:
    """Say that there is too much to do."""
    return f"{title} takes no more work just now."
