"""What a key looks like, and that a slip of the finger shows."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from app.domain.key_format import ALPHABET, LENGTH, RANDOM_LENGTH, is_whole, seal

BODIES = st.text(alphabet=ALPHABET, min_size=RANDOM_LENGTH, max_size=RANDOM_LENGTH)


def test_the_checksum_is_the_crc32_in_six_digits_of_base_62() -> None:
    assert seal("0" * RANDOM_LENGTH) == f"rg_{'0' * RANDOM_LENGTH}2C8GjS"
    assert len(seal("0" * RANDOM_LENGTH)) == LENGTH == 39


@given(BODIES)
def test_a_sealed_key_is_whole(body: str) -> None:
    assert is_whole(seal(body))


@given(BODIES, st.integers(0, LENGTH - 1), st.sampled_from(string.printable))
def test_one_wrong_character_is_seen(body: str, place: int, character: str) -> None:
    key = seal(body)
    wrong = key[:place] + character + key[place + 1 :]
    assert is_whole(wrong) == (wrong == key)


@given(BODIES, st.integers(0, LENGTH - 2))
def test_two_swapped_neighbours_are_seen(body: str, place: int) -> None:
    key = seal(body)
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert is_whole(swapped) == (swapped == key)


@given(BODIES, st.integers(0, LENGTH - 1))
def test_a_key_that_was_cut_off_is_seen(body: str, length: int) -> None:
    assert not is_whole(seal(body)[:length])
