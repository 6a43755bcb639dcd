"""The media store in a bucket: failing servers, long listings, slow readers, and what may not be told."""

from __future__ import annotations

import asyncio
import os
import traceback
from typing import TYPE_CHECKING

import pytest
from obstore.store import MemoryStore

from app.media import bucket as buckets
from app.media.errors import MediaError, StoreFault
from app.media.store import MediaStore
from tests.bucket import PREFIX, SECRET, Bucket, Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from pathlib import Path

CHUNK = 1 << 20


@pytest.fixture
def store(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> MediaStore:
    monkeypatch.setitem(buckets.RETRIES, "max_retries", 1)
    return MediaStore.open(bucket.url)


def uses(store: MediaStore, folder: Path) -> list[Awaitable[object]]:
    (folder / "file").write_bytes(b"x")
    return [
        store.head("clip"),
        store.read("clip", 0, 1),
        store.download("clip", folder / "copy"),
        store.put_bytes("clip", b"x", "video/mp4"),
        store.put_file("clip", folder / "file", "video/mp4"),
        store.copy("clip", "other"),
        store.names("files"),
        store.delete_prefix("files"),
        store.probe(),
    ]


@pytest.mark.parametrize(("fault", "said"), [(Fault.BROKEN, "it answered 503"), (Fault.DENIES, "it answered 403")])
async def test_a_failing_bucket_is_our_fault_and_its_words_are_not_repeated(
    store: MediaStore, bucket: Bucket, tmp_path: Path, fault: Fault, said: str
) -> None:
    await store.put_bytes("clip", b"x", "video/mp4")
    bucket.fault = fault
    for use in uses(store, tmp_path):
        with pytest.raises(StoreFault, match=said) as caught:
            await use
        told = "".join(traceback.format_exception(caught.value))
        assert SECRET not in told
        assert bucket.endpoint not in told


async def test_a_bucket_that_hangs_is_given_up_in_time(
    store: MediaStore, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.media.store.ANSWER_SECONDS", 0.3)
    bucket.fault = Fault.HANGS
    for use in (store.head("clip"), store.read("clip", 0, 1)):
        with pytest.raises(StoreFault, match="did not answer"):
            await asyncio.wait_for(use, timeout=60)


async def test_an_upload_that_hangs_is_given_up_in_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(buckets.CLIENT, "read_timeout", "300ms")
    monkeypatch.setitem(buckets.RETRIES, "max_retries", 1)
    store = MediaStore.open(bucket.url)
    bucket.fault = Fault.HANGS
    with pytest.raises(StoreFault, match="does not answer"):
        await asyncio.wait_for(store.put_bytes("clip", b"x", "video/mp4"), timeout=60)


async def test_a_bucket_out_of_reach_is_our_fault(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port}")
    monkeypatch.setitem(buckets.RETRIES, "max_retries", 1)
    with pytest.raises(StoreFault, match="does not answer"):
        await MediaStore.open(bucket.url).head("clip")


async def test_content_cut_off_is_a_fault_and_leaves_no_file(store: MediaStore, bucket: Bucket, tmp_path: Path) -> None:
    await store.put_bytes("clip", bytes(3 * CHUNK), "video/mp4")
    bucket.fault = Fault.CUTS
    with pytest.raises(StoreFault):
        await store.download("clip", tmp_path / "clip.mp4")
    assert not any(files for _, _, files in os.walk(tmp_path))


async def test_a_reader_slower_than_the_timeout_gets_everything(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await MediaStore.open(bucket.url).put_bytes("clip", bytes(30 * CHUNK), "video/mp4")
    monkeypatch.setitem(buckets.CLIENT, "read_timeout", "2s")
    monkeypatch.setitem(buckets.RETRIES, "max_retries", 0)
    store = MediaStore.open(bucket.url)
    got = 0
    async for chunk in await store.read("clip", 0, 30 * CHUNK):
        got += len(chunk)
        await asyncio.sleep(3.0 if got <= CHUNK else 0)
    assert got == 30 * CHUNK


async def test_objects_carry_their_type_and_lie_under_the_prefix(store: MediaStore, bucket: Bucket) -> None:
    await store.put_bytes("videos/1/video.mp4", b"x", "video/mp4")
    assert bucket.stored() == [f"{PREFIX}/videos/1/video.mp4"]
    assert bucket.head(f"{PREFIX}/videos/1/video.mp4")["content-type"] == "video/mp4"


async def test_deletion_takes_more_than_a_page_and_nothing_outside_the_prefix(
    store: MediaStore, bucket: Bucket
) -> None:
    others = ["gateway/one-more/v/1/x", "v/1/x", f"{PREFIX}/v/10/x", f"{PREFIX}/v/1"]
    for key in [*others, *(f"{PREFIX}/v/1/{number}" for number in range(1_100))]:
        bucket.put(key, b"x")
    assert "1" in await store.names("v")
    await store.delete_prefix("v/1")
    assert sorted(bucket.stored()) == sorted(others)


class _Strict(MemoryStore):
    """Complains of an object that is not there, as Google's and Azure's buckets do."""

    async def delete_async(self, paths: str | Sequence[str]) -> None:
        for path in [paths] if isinstance(paths, str) else paths:
            await self.head_async(path)
            await super().delete_async(path)
            if path.endswith("/a"):
                await super().delete_async(path.replace("/a", "/b"))  # somebody else is quicker


async def test_objects_that_somebody_else_deletes_meanwhile_are_no_trouble() -> None:
    store = MediaStore(_Strict())
    for name in "abc":
        await store.put_bytes(f"v/{name}", b"x", "video/mp4")
    await store.delete_prefix("v")
    assert await store.names("v") == []
    with pytest.raises(MediaError):
        await store.head("v/c")


async def test_a_bucket_that_is_gone_is_a_fault_of_ours_when_storing(bucket: Bucket, tmp_path: Path) -> None:
    store = MediaStore.open(bucket.url.replace(bucket.name, "no-such-bucket"))
    (tmp_path / "file").write_bytes(b"x")
    for use in (store.put_file("clip", tmp_path / "file", "video/mp4"), store.names("files"), store.probe()):
        with pytest.raises(StoreFault):
            await use


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://bucket/prefix", "expected s3://bucket/prefix, gs://"),
        ("s3://", "name of a bucket"),
        ("s3:///prefix", "name of a bucket"),
        ("s3://bucket/a b", "names of letters"),
        ("s3://bucket/../other", "names of letters"),
        (f"s3://AKID:{SECRET}@bucket/prefix", "credentials and options belong into"),
        (f"az://container/prefix?sig={SECRET}", "credentials and options belong into"),
        ("az://container/prefix", "no usable credentials"),
    ],
)
async def test_a_wrong_url_is_refused_without_repeating_it(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ValueError, match=said) as caught:
        MediaStore.open(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "gs://bucket/a/b.c/", "az://container/prefix"])
async def test_each_cloud_has_its_urls(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    MediaStore.open(url)


async def test_http_is_only_spoken_to_an_endpoint_that_asks_for_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bucket.endpoint)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    await MediaStore.open(bucket.url).probe()
    monkeypatch.setattr(buckets, "_ENDPOINTS", ())
    with pytest.raises(StoreFault):
        await MediaStore.open(bucket.url).probe()
