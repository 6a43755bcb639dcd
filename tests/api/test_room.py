"""The room that one key's files and characters may take: what is over it is refused, and takes none."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from app.db import files
from app.db.files import room_taken
from tests.api.creating import PICTURE
from tests.api.holders import client, holder
from tests.files import files_in
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from sqlalchemy.ext.asyncio import AsyncSession

    from tests.databases import Databases
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-tests-of-room"
ROOM = 2 << 20
LARGE = PICTURE + b"\0" * (800 << 10)  # what follows a PNG's end is of the file, too


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    changes: dict[str, object] = {"admin_key": ADMIN_KEY, "max_files_mb": ROOM >> 20}
    if request.param == "postgres":
        databases: Databases = request.getfixturevalue("databases")
        changes["database_url"] = databases.fresh()
    with serve(settings_for(tmp_path_factory.mktemp("room"), **changes)) as running:
        yield running


@pytest.fixture(scope="module")
def admin(gateway: Running) -> Iterator[httpx.Client]:
    with client(gateway, ADMIN_KEY) as http:
        yield http


def upload(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/files", files={"file": ("a.png", LARGE)})


def refusal(answer: httpx.Response) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large"), answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def stored(gateway: Running) -> int:
    return len(files_in(gateway.data_dir / "media"))


def test_a_file_over_the_room_is_refused_until_another_is_deleted(gateway: Running, admin: httpx.Client) -> None:
    with holder(gateway, admin) as http, holder(gateway, admin) as other:
        first, second = upload(http).json()["id"], upload(http).json()["id"]
        before = stored(gateway)
        error = refusal(upload(http))
        assert error["param"] == "file"
        assert "REELGATE_MAX_FILES_MB" in error["message"]
        assert stored(gateway) == before > 0, "nothing of it is left"
        assert upload(other).status_code == 200, "everyone has room of their own"
        assert http.delete(f"/v1/files/{first}").status_code == 200
        third = upload(http).json()["id"]
        assert {http.get(f"/v1/files/{each}").status_code for each in (second, third)} == {200}


def test_uploads_at_one_moment_do_not_share_the_room_that_is_left(
    gateway: Running, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(session: AsyncSession, owner: str) -> int:
        taken = await room_taken(session, owner)
        await asyncio.sleep(0.2)  # by when all of them have looked, if they may
        return taken

    monkeypatch.setattr(files, "room_taken", slowly)
    with holder(gateway, admin) as http, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: upload(http).status_code, range(8)))
    assert sorted(answers) == [200, 200, *[413] * 6]


def test_characters_count_as_their_pictures(gateway: Running, admin: httpx.Client) -> None:
    with holder(gateway, admin) as http:
        made = http.post("/v1/videos", json={"prompt": "x", "seconds": 1, "resolution": "480p"}).json()["id"]
        assert http.get(f"/v1/videos/{made}", params={"wait": 50}).json()["status"] == "completed"
        clip = {"video": ("a.mp4", http.get(f"/v1/videos/{made}/content").content)}
        answers = [http.post("/v1/videos/characters", data={"name": "Fox"}, files=clip) for _ in range(2)]
        assert answers[0].status_code == 200
        assert refusal(answers[1])["param"] == "video", "each is 1.2 MB unpacked, though 0.1 packed"
