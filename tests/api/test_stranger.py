"""Two tenants under schemathesis: one has everything, the other asks for all of it in every way that can be made up."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.holders import client, make
from tests.api.tenants import OF_ALL, STREAM, Tenants, everything, routes_of, submission_of
from tests.receiver import receiving
from tests.serving import environment_without, serve, settings_for

if TYPE_CHECKING:
    import httpx

ADMIN_KEY = "an-admin-key-of-the-strangers-tests"
ROOT = Path(__file__).parents[2]
FILES = ("video", "thumbnail", "spritesheet")


SHORT = ("--phases=fuzzing", "--mode=positive", "--max-examples=10")
LONG = ("--phases=fuzzing", "--mode=all", "--max-examples=200")


@pytest.mark.timeout(300)
def test_a_stranger_who_tries_everything_with_the_owners_ids_reads_and_changes_nothing(tmp_path: Path) -> None:
    assert len(try_everything(tmp_path, SHORT)) >= 300


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_stranger_who_tries_much_more_reads_and_changes_nothing(tmp_path: Path) -> None:
    assert len(try_everything(tmp_path, LONG)) >= 3000


def try_everything(folder: Path, how: tuple[str, ...]) -> list[dict[str, Any]]:
    """Run schemathesis as a stranger, compare what the owner has before and after, and return the cases."""
    with (
        receiving() as receiver,
        serve(settings_for(folder, admin_key=ADMIN_KEY, allow_private_networks="127.0.0.1")) as gateway,
        client(gateway, ADMIN_KEY) as boss,
    ):
        keys = {who: make(boss, name=who, budget_usd=50) for who in ("owner", "stranger")}
        with client(gateway, keys["owner"]["key"]) as owner:
            ids = everything(owner, receiver) | {"key_id": keys["owner"]["id"]}
        ids["submission_id"] = submission_of(boss, ids)
    # Again, with every job overdue at once: what the stranger makes is accepted, listed and deleted, but not drawn.
    with (
        serve(settings_for(folder, admin_key=ADMIN_KEY, job_timeout_seconds=1e-6)) as gateway,
        client(gateway, ADMIN_KEY) as boss,
        client(gateway, keys["owner"]["key"]) as owner,
        client(gateway, keys["stranger"]["key"]) as stranger,
    ):
        tenants = Tenants(owner, stranger, boss, ids, routes_of(gateway))
        before = view(tenants)
        assert not [value for name, value in ids.items() if name not in OF_ALL | {"index"} and value not in str(before)]
        run = schemathesis(folder, gateway.url, keys["stranger"]["key"], ids, how)
        print(run.stdout)  # noqa: T201 - the report, shown with -s or when it fails
        assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
        assert view(tenants) == before
        cases = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
        check_that_it_tried(cases, tenants)
    return cases


def view(tenants: Tenants) -> list[Any]:
    """Return all that the owner has: every list and thing, the bytes of the video, and what admins see of it."""
    owner, boss, ids = tenants.owner, tenants.admin, tenants.ids
    path = f"/v1/videos/{ids['video_id']}/content"
    return [
        tenants.seen_by_owner(),
        [digest(owner.get(path, params={"variant": variant})) for variant in FILES],
        boss.get(f"/v1/submissions/{ids['submission_id']}").json(),
        {**boss.get(f"/v1/keys/{ids['key_id']}").json(), "last_used_at": None},
    ]


def digest(answer: httpx.Response) -> str:
    assert answer.status_code == 200
    return hashlib.sha256(answer.content).hexdigest()


def schemathesis(
    folder: Path, url: str, key: str, ids: dict[str, str], how: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    """Ask everything of the OpenAPI document; what is asked is altered by stranger_hooks.py."""
    theirs = {name: value for name, value in ids.items() if name not in OF_ALL | {"index"}}
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
            "run",
            f"{url}/openapi.json",
            f"--header=Authorization: Bearer {key}",
            "--include-path-regex=^/v1/",
            f"--exclude-path={STREAM}",
            *how,
            "--checks=nothing_of_the_owners_is_read,not_a_server_error",
            "--seed=1",
            "--no-shrink",
            "--continue-on-failure",
            "--warnings=off",
        ],
        env={
            **environment_without(),
            "SCHEMATHESIS_HOOKS": "tests.api.stranger_hooks",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            "STRANGER_IDS": json.dumps(theirs),
            "STRANGER_LOG": str(folder / "cases.jsonl"),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def check_that_it_tried(cases: list[dict[str, Any]], tenants: Tenants) -> None:
    """Expect every route, every id in every place, and that references in bodies were looked up, not refused before."""
    tried = Counter((case["operation"], name) for case in cases for name in case["named"])
    for method, path, _ in tenants.routes:
        for name in set(tenants.ids) - OF_ALL - {"index"}:
            assert f"{{{name}}}" not in path or tried[f"{method} {path}", name], (method, path)
    routes = {f"{method} {path}" for method, path, _ in tenants.routes} - {f"GET {STREAM}"}
    assert {case["operation"] for case in cases} == routes
    for path in ("/v1/videos", "/v1/videos/edits", "/v1/videos/extensions"):
        codes = {case["code"] for case in cases if case["operation"] == f"POST {path}" and case["named"]}
        wanted = {"file_not_found", "video_not_found"} | ({"character_not_found"} if path == "/v1/videos" else set())
        assert wanted <= codes, (path, codes)
