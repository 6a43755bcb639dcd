"""Whatever JSON a body holds, `parse` gives a request or a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalogue import Mode
from app.domain.errors import GatewayError
from app.domain.requests import FILE_FIELDS, N_LIMIT, SCALAR_FIELDS, Upload, VideoRequest, parse
from tests.domain.specs import thorough

PHOTO = Upload(Path("part-0"), "ab" * 32, 10, "photo.png")
KNOWN = sorted(SCALAR_FIELDS | FILE_FIELDS | {"metadata", "characters", "style"})
KEYS = st.sampled_from(("id", "file_id", "image_url", "video_url", "url", "index", "a", "provider"))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(("auto", "16:9", "1280x720", "6s", "https://a.example", "data:,", "true", "3")),
    st.just(PHOTO),
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
PROMPTED = st.dictionaries(st.sampled_from(KNOWN), JSON, max_size=6).map(lambda body: {"prompt": "a fox", **body})


def outcome(body: dict[str, object], mode: Mode | None = None) -> VideoRequest | GatewayError:
    try:
        return parse(body, mode)
    except GatewayError as error:
        return error


@thorough
@given(body=PROMPTED, mode=st.none() | st.sampled_from((Mode.EDIT, Mode.EXTEND)))
def test_any_body_is_a_request_or_a_refusal_of_a_field_it_has(body: dict[str, object], mode: Mode | None) -> None:
    found = outcome(body, mode)
    if isinstance(found, GatewayError):
        assert found.kind.status == 400
        assert found.param
        assert found.param.partition(".")[0] in {*body, "video"}
        assert len(found.message) < 400
        return
    assert found.prompt == body["prompt"]
    assert 1 <= found.n <= N_LIMIT
    assert mode in (None, found.mode)
    assert set(found.extra) <= {"style", "name", "purpose", "file"}


@pytest.mark.parametrize("name", KNOWN)
def test_a_deeply_nested_value_is_no_trouble(name: str) -> None:
    deep: object = "x"
    for _ in range(5000):
        deep = {"url": [deep]}
    for value in (deep, [deep], {"a": deep}):
        found = outcome({"prompt": "a fox", name: value})
        if name in ("style", "name", "purpose", "file"):
            assert isinstance(found, VideoRequest)
            assert found.extra[name] is value
        else:
            assert isinstance(found, GatewayError)
            assert (found.param or "").startswith(name)
