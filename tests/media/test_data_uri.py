"""Files inside the request: data URIs."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from app.media.data_uri import decode_data_uri
from app.media.errors import MediaError

BYTES = bytes(range(256))
CODED = base64.b64encode(BYTES).decode()


@pytest.mark.parametrize(
    ("uri", "declared"),
    [
        (f"data:image/png;base64,{CODED}", "image/png"),
        (f"DATA:Image/PNG;Base64,{CODED}", "image/png"),
        (f"data:;base64,{CODED}", None),
        (f"data:image/svg+xml;charset=utf-8;base64,{CODED}", "image/svg+xml"),
        (f"data:image/png;name=a.png;base64,{CODED[:76]}\r\n {CODED[76:]}\n", "image/png"),
        (f"data:image/png;base64,{quote(CODED, safe='')}", "image/png"),
        (f"data:application/octet-stream,{quote(BYTES)}", "application/octet-stream"),
        (f"data:,{quote(BYTES)}", None),
    ],
)
def test_the_bytes_and_the_declared_type_come_back(uri: str, declared: str | None) -> None:
    assert decode_data_uri(uri, 256) == (declared, BYTES)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "must look like"),
        ("data:", "must look like"),
        ("data:image/png;base64", "must look like"),
        (CODED, "must look like"),
        ("https://example.com/a,b", "must look like"),
        ("data:image/png;base64,", "empty"),
        ("data:,", "empty"),
        ("data:image/png;base64,abc", "damaged"),
        ("data:image/png;base64,ab=c", "damaged"),
        ("data:image/png;base64,ab_-", "damaged"),
        ("data:image/png;base64,äöüß", "damaged"),
        ("data:image/png;base64,%ff%ff%ff%ff", "damaged"),
        ("data:image;base64,abcd", "name a type"),
        ("data:../../etc/passwd;base64,abcd", "name a type"),
        (f"data:image/png;base64,{CODED}AAAA", "larger than"),
        (f"data:image/png;base64,{'A' * 10_000}", "larger than"),
        (f"data:image/png;base64,{' ' * 10_000}", "larger than"),
        (f"data:,{'%41' * 257}", "larger than"),
        (f"data:,{'A' * 257}", "larger than"),
    ],
)
def test_a_malformed_or_large_one_is_refused_with_the_reason(uri: str, reason: str) -> None:
    with pytest.raises(MediaError, match=reason) as caught:
        decode_data_uri(uri, 256)
    assert caught.value.code == "media_unavailable"
    assert len(caught.value.message) < 300
