"""What is noted on a job's handle of its provider's telling, beside the provider's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.told import address, asked, asked_at, expecting, is_told, told

if TYPE_CHECKING:
    from app.domain.jobs import Operation

HANDLE: Operation = {"id": "r"}


def test_a_bare_handle_says_nothing() -> None:
    assert (address(HANDLE), asked_at(HANDLE), is_told(HANDLE)) == (None, None, False)


def test_what_is_noted_is_found_again_and_leaves_the_handle_alone() -> None:
    noted = told(asked(expecting(HANDLE, "https://gate.example/x"), 5.0))
    assert (address(noted), asked_at(noted), is_told(noted)) == ("https://gate.example/x", 5.0, True)
    assert HANDLE == {"id": "r"} == {name: noted[name] for name in HANDLE}


def test_a_job_that_was_ordered_without_an_address_is_not_told_of() -> None:
    assert expecting(HANDLE, None) == HANDLE


def test_a_provider_whose_handle_has_such_words_for_other_things_is_not_believed() -> None:
    other: Operation = {"id": "r", "callback_url": 1, "asked_at": "noon", "told": "yes"}
    assert (address(other), asked_at(other), is_told(other)) == (None, None, False)
