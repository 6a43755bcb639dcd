"""Bracket names: what clients' libraries make of nested values comes back as those values."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.brackets import nest
from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from random import Random

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

names = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=8)
keys = names.filter(lambda name: not (name.isascii() and name.isdigit()))
leaves = st.text(max_size=5)


def values(depth: int) -> st.SearchStrategy[Value]:
    """Values at most `depth` levels deep; an empty object or list has no field to name it."""
    if depth == 0:
        return leaves
    inner = st.deferred(lambda: values(depth - 1))
    return leaves | st.lists(inner, min_size=1, max_size=4) | st.dictionaries(keys, inner, min_size=1, max_size=4)


def flatten(name: str, value: Value) -> list[tuple[str, object]]:
    """Name nested values as browsers' and SDKs' form encoders do."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in flatten(f"{name}[{key}]", item)]
    if isinstance(value, list):
        return [pair for place, item in enumerate(value) for pair in flatten(f"{name}[{place}]", item)]
    return [(name, value)]


@given(st.dictionaries(names, values(3), max_size=4), st.randoms(use_true_random=False))
def test_flattened_values_come_back_in_whatever_order_they_are_sent(body: dict[str, Value], random: Random) -> None:
    fields = [pair for name, value in body.items() for pair in flatten(name, value)]
    random.shuffle(fields)
    assert nest(fields) == body


@given(names, st.lists(leaves, min_size=1))
def test_a_list_of_texts_comes_back_from_empty_brackets(name: str, items: list[str]) -> None:
    assert nest([(f"{name}[]", item) for item in items]) == {name: items}


records = st.lists(keys, min_size=1, max_size=3, unique=True).flatmap(
    lambda fields: st.lists(st.fixed_dictionaries(dict.fromkeys(fields, leaves)), min_size=1, max_size=4)
)


@given(names, records)
def test_a_list_of_records_comes_back_from_empty_brackets(name: str, items: list[dict[str, str]]) -> None:
    assert nest([(f"{name}[][{key}]", text) for item in items for key, text in item.items()]) == {name: items}


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([], {}),
        ([("a", 1), ("a", 2)], {"a": [1, 2]}),
        ([("a[x]", 1), ("a[x]", 2)], {"a": {"x": [1, 2]}}),
        ([("a[1]", "b"), ("a[0]", "a")], {"a": ["a", "b"]}),
        ([("a[7]", "b"), ("a[]", "c")], {"a": ["b", "c"]}),
        ([("a[][]", 1), ("a[][]", 2)], {"a": [[1], [2]]}),
        ([("a[][x][p]", 1), ("a[][x][q]", 2), ("a[][x][p]", 3)], {"a": [{"x": {"p": 1, "q": 2}}, {"x": {"p": 3}}]}),
        ([("a[][x][]", 1), ("a[][x][]", 2)], {"a": [{"x": [1, 2]}]}),
        ([("a[][x][0]", 1), ("a[][x][1]", 2), ("a[][x][0]", 3)], {"a": [{"x": [1, 2]}, {"x": [3]}]}),
        ([("a[][x]", 1), ("a[][x][y]", 2)], {"a": [{"x": 1}, {"x": {"y": 2}}]}),
        ([("a[][x][y]", 1), ("a[][x][]", 2)], {"a": [{"x": {"y": 1}}, {"x": [2]}]}),
        ([("a[][x][]", 1), ("a[][x][y]", 2)], {"a": [{"x": [1]}, {"x": {"y": 2}}]}),
        ([("a[][x]", 1), ("a[]", 2)], {"a": [{"x": 1}, 2]}),
        ([("a[\u00b2]", 1)], {"a": {"\u00b2": 1}}),
        ([("a[12345]", 1)], {"a": {"12345": 1}}),
        ([("a[ ]", 1)], {"a": {" ": 1}}),
    ],
    ids=repr,
)
def test_names_mean_what_form_encoders_mean_by_them(fields: list[tuple[str, object]], body: dict[str, object]) -> None:
    assert nest(fields) == body


@given(st.lists(st.tuples(st.text("ab[]0\u00b2\0", max_size=12), leaves), max_size=6))
def test_whatever_a_field_is_called_only_a_refusal_is_raised(fields: list[tuple[str, object]]) -> None:
    with suppress(GatewayError):
        nest(fields)
