"""What an API key looks like: rg_, 30 random characters, and 6 that check them.

The checksum tells a key that was mistyped or cut off from one that is unknown, without asking anybody, and lets secret
scanners find keys without false alarms. It is no protection: the randomness is (30 of 62 characters, 178 bits).
"""

from __future__ import annotations

import re
import string
import zlib

PREFIX = "rg_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 30
_CHECK_LENGTH = 6  # base 62 digits, which hold 32 bits
LENGTH = len(PREFIX) + RANDOM_LENGTH + _CHECK_LENGTH
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + _CHECK_LENGTH}}}")


def seal(body: str) -> str:
    """Make a key of random characters."""
    return f"{PREFIX}{body}{_check(body)}"


def is_whole(key: str) -> bool:
    """Say whether a key could be one of ours: the right shape, and the checksum fits."""
    body = key[len(PREFIX) : -_CHECK_LENGTH]
    return _SHAPE.fullmatch(key) is not None and key == seal(body)


def fault(key: str) -> str:
    """Say what is wrong with a key that is not whole, without repeating it."""
    if not key.startswith(PREFIX):
        return (
            "The API key is not valid: this gateway has keys now, and this word is not one of them. "
            f"An operator makes one with `reelgate keys create NAME`; it begins with {PREFIX}."
        )
    return (
        "The API key is not valid: it was mistyped or cut off, for its checksum does not fit. "
        f"A key is {LENGTH} characters long and begins with {PREFIX}."
    )


def _check(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
