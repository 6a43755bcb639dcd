"""A backup of a gateway that works: the database first, then the media; and what becomes of it where it is restored."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.api.creating import DATA_URI
from tests.api.waiting import until
from tests.cli.processes import served
from tests.failover.system import System
from tests.files import files_in
from tests.serving import serve, settings_for
from tests.upstreams.behaviour import Rule, answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.receiver import Receiver
    from tests.serving import Running

BUSY = Rule(on="submit", do=answer(429, {"error": "Slow down."}), times=None)
JOB_TIMEOUT = 3600.0


def test_it_has_every_video_that_had_ended_and_goes_on_with_the_others(
    start_gateway: Callable[..., Running], tmp_path: Path
) -> None:
    gateway, kept = start_gateway(), tmp_path / "kept"
    ended = [gateway.finished(prompt=f"number {number}") for number in range(2)]
    live = gateway.create(n=2)
    back_up_database(gateway.data_dir, kept)
    late = gateway.finished(prompt="after the database")
    back_up_media(gateway.data_dir / "media", kept / "media")
    films = {video["id"]: gateway.http.get(f"/v1/videos/{video['id']}/content").content for video in ended}
    with serve(settings_for(kept)) as restored:
        for video in ended:
            assert restored.http.get(f"/v1/videos/{video['id']}").json()["status"] == "completed"
            assert restored.http.get(f"/v1/videos/{video['id']}/content").content == films[video["id"]]
            link = video["url"].replace(gateway.url, restored.url)
            assert restored.http.get(link).content == films[video["id"]], "links are signed by the same secret"
        assert restored.wait(live["id"])["status"] == "completed"
        assert restored.http.get(f"/v1/videos/{late['id']}").status_code == 404


def test_renders_that_were_under_way_begin_anew_with_their_inputs(
    start_gateway: Callable[..., Running], tmp_path: Path
) -> None:
    gateway, kept = start_gateway(), tmp_path / "kept"
    source = {"video": {"id": gateway.finished()["id"]}, "prompt": "at night"}
    with gateway.idle():
        live = [
            gateway.live(),
            gateway.live(input_reference={"image_url": DATA_URI}),
            gateway.http.post("/v1/videos/edits", json=source).json(),
        ]
        until(lambda: states(gateway.data_dir).count("running") == 3)
        back_up_database(gateway.data_dir, kept)
        back_up_media(gateway.data_dir / "media", kept / "media")
        with serve(settings_for(kept)) as restored:
            for video in live:
                assert restored.wait(video["id"], timeout=180)["status"] == "completed"


def test_a_render_whose_inputs_are_in_no_backup_says_what_is_missing(
    start_gateway: Callable[..., Running], tmp_path: Path
) -> None:
    gateway, kept = start_gateway(), tmp_path / "kept"
    with gateway.idle():
        live = gateway.live(input_reference={"image_url": DATA_URI})
        back_up_database(gateway.data_dir, kept)
    with serve(settings_for(kept)) as restored:
        video = restored.wait(live["id"])
    assert (video["status"], video["error"]["code"]) == ("failed", "invalid_input")


def test_a_copy_that_is_served_without_an_engine_orders_nothing_and_tells_nobody(
    start_gateway: Callable[..., Running], tmp_path: Path, receiver: Receiver
) -> None:
    opened = {"allow_private_networks": "127.0.0.1"}
    gateway, kept = start_gateway(**opened), tmp_path / "kept"
    with gateway.idle():
        video = gateway.live(webhook_url=receiver.url())
        back_up_database(gateway.data_dir, kept)
        assert gateway.http.post(f"/v1/videos/{video['id']}/cancel").is_success
    receiver.wait(1)
    told = len(receiver.got)
    environment = {"REELGATE_DATA_DIR": str(kept), "REELGATE_ALLOW_PRIVATE_NETWORKS": "127.0.0.1"}
    with served(tmp_path, "--no-engine", **environment) as copy, httpx.Client(base_url=copy.url, timeout=60) as http:
        assert http.post(f"/v1/videos/{video['id']}/cancel").json()["error"]["code"] == "cancelled"
        waiting = http.post("/v1/videos", json={"prompt": "nobody makes it"}).json()
        held = http.get(f"/v1/videos/{waiting['id']}", params={"wait": 5}).json()
        assert held["status"] == "queued"
        assert len(receiver.got) == told
    with serve(settings_for(kept, **opened)):
        receiver.wait(told + 1)


@pytest.mark.parametrize(
    ("age", "status", "paid"), [(0.0, "completed", 2), (JOB_TIMEOUT + 1, "failed", 1)], ids=["fresh", "old"]
)
def test_an_order_that_had_not_left_yet_is_sent_again_until_its_time_is_over(
    age: float, status: str, paid: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    with ExitStack() as stack:
        system = System(tmp_path / "data", stack, monkeypatch)
        system.start(providers=("xai",), job_timeout_seconds=JOB_TIMEOUT)
        system.misbehave("xai", BUSY)
        video_id = system.create()
        system.until(lambda: system.arrived("xai") and states(tmp_path / "data") == ["queued"])
        back_up_database(tmp_path / "data", kept)
        system.xai.rules.clear()
        assert system.outlast(video_id)["status"] == "completed"
        system.stop()
        assert system.paid() == {"xai": 1}
        system.clock.ahead += age
        settings = settings_for(kept, **{**system.settings, "providers": ("xai",), "job_timeout_seconds": JOB_TIMEOUT})
        system._gateway = stack.enter_context(serve(settings))  # noqa: SLF001 - the same providers and clock
        assert system.outlast(video_id)["status"] == status
        assert system.paid() == {"xai": paid}


def back_up_database(data: Path, target: Path) -> None:
    """Copy the database as docs/deployment.md says, whoever writes to it meanwhile."""
    target.mkdir()
    with closing(sqlite3.connect(data / "reelgate.sqlite3", timeout=60)) as database:
        database.execute("VACUUM INTO ?", [str(target / "reelgate.sqlite3")])


def back_up_media(media: Path, target: Path) -> None:
    """Copy what is there, and leave out what goes meanwhile, as programs for backups do."""
    for path in files_in(media):
        copy = target / path.relative_to(media)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.copyfile(path, copy)


def states(data: Path) -> list[str]:
    """Return the states of all outputs."""
    with closing(sqlite3.connect(data / "reelgate.sqlite3", timeout=60)) as database:
        return [state for (state,) in database.execute("SELECT state FROM outputs")]
