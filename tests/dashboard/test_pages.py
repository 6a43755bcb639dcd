"""What is served at / and below /dashboard: the policy, the types, what caches keep, and that nothing is missing."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from app.api.dashboard import site

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.bucket import Bucket
    from tests.serving import Running

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


def policy(answer: httpx.Response) -> dict[str, str]:
    """Read a Content-Security-Policy."""
    lines = answer.headers["content-security-policy"].split("; ")
    return {name: value for name, _, value in (line.partition(" ") for line in lines)}


def assets(page: str) -> list[str]:
    """Return every address that a page names."""
    return re.findall(r'(?:src|href)="(/dashboard/[^"]+)"', page)


def test_the_page_is_served_to_everybody_under_a_policy_that_runs_only_our_files(guarded: Running) -> None:
    answer = guarded.http.get("/", headers={"authorization": ""})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert policy(answer) == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", answer.text)


def test_the_page_is_asked_for_anew_and_sent_only_when_it_changed(guarded: Running) -> None:
    first = guarded.http.get("/")
    assert first.headers["cache-control"] == "no-cache"
    again = guarded.http.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert policy(again) == POLICY


def test_what_the_page_loads_never_changes_and_is_kept(guarded: Running) -> None:
    page = guarded.http.get("/").text
    loaded = assets(page)
    assert {path.rpartition(".")[2] for path in loaded} == {"js", "css", "svg"}
    kinds = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    for path in loaded:
        answer = guarded.http.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == kinds[path.rpartition(".")[2]]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        again = guarded.http.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


def test_a_page_of_another_version_gets_our_files_and_keeps_none(guarded: Running) -> None:
    answer = guarded.http.get("/dashboard/0123456789abcdef/js/main.js")
    assert answer.content == site().files["js/main.js"]
    assert answer.headers["cache-control"] == "no-store"


def test_nothing_else_is_served(guarded: Running) -> None:
    digest = site().digest
    for path in ("index.html", "js", "", "..%2f..%2fmain.py", "%2e%2e/main.py", "js/../../main.py", "js/main.js%00"):
        answer = guarded.http.get(f"/dashboard/{digest}/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path


def test_every_file_is_named_by_the_page_or_by_another_file(guarded: Running) -> None:
    files = site().files
    named = {path.split("/", 3)[3] for path in assets(guarded.http.get("/").text)}
    assert named == set(files) - {"index.html"}
    imported = {"js/main.js"}
    for path in sorted(name for name in files if name.endswith(".js")):
        for target in re.findall(r'from "(\.[^"]+)"', files[path].decode()):
            found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            assert found in files, f"{path} imports {target}"
            imported.add(found)
    assert imported == {name for name in files if name.startswith("js/")}


def test_no_file_parses_markup_asks_elsewhere_or_grows_beyond_what_one_reads() -> None:
    for path, content in site().files.items():
        text = content.decode()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(", text), path
        foreign = set(re.findall(r"https?://[^\"'\s)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not foreign, path
        assert text.count("\n") <= 300, path


def test_clips_may_come_from_the_bucket_where_clients_are_sent_there(
    start_gateway: Callable[..., Running], bucket: Bucket
) -> None:
    gateway = start_gateway(media_url=bucket.url, media_redirect=True)
    video = gateway.finished()
    sent_to = gateway.http.get(f"/v1/videos/{video['id']}/content").headers["location"]
    origin = "/".join(sent_to.split("/")[:3])
    changed = {"img-src": f"{POLICY['img-src']} {origin}", "media-src": f"{POLICY['media-src']} {origin}"}
    assert policy(gateway.http.get("/")) == POLICY | changed
