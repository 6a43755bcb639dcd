"""The media store at Google and Azure: what is sent, what is signed, what is said where they refuse.

No server of theirs runs offline, so one here writes down what it is asked, and refuses or takes it.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.media import bucket as buckets
from app.media.errors import MediaError, StoreFault
from app.media.store import MediaStore
from tests.cli.processes import refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AZURE_KEY = "cGxhbnRlZC1henVyZS1rZXk="
KEYS = ("planted-azure-key", AZURE_KEY, "PRIVATE KEY")
URLS = {"az": "az://container/gateway/one", "gs": "gs://container/gateway/one"}
OBJECT = "/container/gateway/one/videos/1/0/1/video.mp4"


@dataclass
class Cloud:
    """A server; `status` is its answer to everything."""

    url: str = ""
    status: int = 403
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def served() -> Iterator[Cloud]:
    cloud = Cloud()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            cloud.seen.append((self.command, unquote(self.path), {k.lower(): v for k, v in self.headers.items()}))
            body = b"<Error><Code>AuthorizationFailure</Code><Message>planted-azure-key</Message></Error>"
            self.send_response(cloud.status)
            self.send_header("etag", '"1"')
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Stay quiet."""

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def account() -> str:
    """Make a Google service account, as its JSON file has it."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    names = {"client_email": "one@tests.example", "private_key_id": "1", "private_key": pem}
    return json.dumps({"type": "service_account", **names})


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, account: str) -> Iterator[Cloud]:
    """Serve, and set the variables by which both clouds are found here."""
    for name in os.environ:
        if name.startswith(("AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setitem(buckets.RETRIES, "max_retries", 0)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", account)
    with served() as cloud:
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", cloud.url)
        monkeypatch.setenv("GOOGLE_BASE_URL", cloud.url)
        yield cloud


@pytest.mark.parametrize(
    ("url", "kind", "named", "cached", "signed"),
    [
        (
            "az",
            "x-ms-blob-content-type",
            "x-ms-blob-content-disposition",
            "x-ms-blob-cache-control",
            "SharedKey account:",
        ),
        ("gs", "content-type", "content-disposition", "cache-control", "Bearer eyJ"),
    ],
)
async def test_a_file_is_sent_with_its_type_and_name_under_the_prefix(
    cloud: Cloud, tmp_path: Path, url: str, kind: str, named: str, cached: str, signed: str
) -> None:
    cloud.status = 201
    await asyncio.to_thread((tmp_path / "clip").write_bytes, b"clip")
    store = MediaStore.open(URLS[url])
    await store.put_file("videos/1/0/1/video.mp4", tmp_path / "clip", "video/mp4", "video_1-0.mp4")
    ((method, path, headers),) = cloud.seen
    assert (method, path) == ("PUT", OBJECT)
    assert headers["authorization"].startswith(signed)
    assert (headers[kind], headers[named]) == ("video/mp4", 'inline; filename="video_1-0.mp4"')
    assert headers[cached] == "private, max-age=3600"


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("az", {"sp": "r", "sr": "b", "sig": None}),
        ("gs", {"X-Goog-Expires": "90", "X-Goog-Algorithm": "GOOG4-RSA-SHA256", "X-Goog-Signature": None}),
    ],
)
async def test_a_link_is_signed_here_for_one_object_and_a_short_time(
    cloud: Cloud, url: str, query: dict[str, str | None]
) -> None:
    link = httpx.URL(await MediaStore.open(URLS[url], direct=True).link("videos/1/0/1/video.mp4", "GET", 90))
    assert str(link).startswith(cloud.url)
    assert link.path == OBJECT
    assert {name: value and link.params[name] for name, value in query.items()} == query
    assert set(query) <= set(link.params)
    assert not any(key in str(link) for key in KEYS)
    assert cloud.seen == []


@pytest.mark.parametrize("url", URLS)
async def test_a_refusal_is_our_fault_and_its_words_are_not_repeated(cloud: Cloud, url: str) -> None:
    store = MediaStore.open(URLS[url])
    for use in (
        store.head("clip"),
        store.read("clip", 0, 1),
        store.put_bytes("clip", b"x", "video/mp4"),
        store.names("files"),
        store.delete_prefix("files"),
        store.probe(),
    ):
        with pytest.raises(StoreFault, match="it answered 403") as caught:
            await use
        assert not any(key in str(caught.value) for key in (*KEYS, cloud.url))


@pytest.mark.parametrize("url", URLS)
async def test_an_object_that_is_not_there_is_missing(cloud: Cloud, url: str) -> None:
    cloud.status = 404
    with pytest.raises(MediaError, match="no longer stored"):
        await MediaStore.open(URLS[url]).head("clip")


async def test_a_token_that_is_signed_already_cannot_sign_links(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2023-11-03&sp=rwdl&sig=planted")
    store = MediaStore.open(URLS["az"], direct=True)
    cloud.status = 201
    await store.put_bytes("clip", b"x", "video/mp4")
    with pytest.raises(StoreFault) as caught:
        await store.link("clip", "GET", 60)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "advice"), [("az", "AZURE_STORAGE_ACCOUNT_NAME"), ("gs", "GOOGLE_APPLICATION_CREDENTIALS")]
)
def test_the_start_refuses_a_bucket_that_refuses_it(cloud: Cloud, tmp_path: Path, url: str, advice: str) -> None:
    found = {name: value for name, value in os.environ.items() if name.startswith(("AZURE_", "GOOGLE_"))}
    said = refused(tmp_path, REELGATE_MEDIA_URL=URLS[url], **found)
    assert "cannot be used: it answered 403 AuthorizationFailure" in said
    assert advice in said
    assert not any(key in said for key in KEYS)
    assert cloud.seen
