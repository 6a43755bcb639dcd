"""An open gateway and the internet's pages: none makes it do or tell anything through a visitor's browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from openai import OpenAI
from starlette.datastructures import Headers

from app.api.origins import is_foreign, is_own_host, own_names
from tests.api.holders import client

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.serving import Running

EVIL = "https://evil.example"
PUBLIC = "https://videos.example.org"
FORM = {"prompt": (None, "a form on any page can send this"), "seconds": (None, "1")}
PAGES = (  # what browsers send for a page of another site
    {"origin": EVIL, "sec-fetch-site": "cross-site"},
    {"origin": EVIL},  # Safari before 16.4 sends no Sec-Fetch-Site
    {"origin": "null", "sec-fetch-site": "cross-site"},  # in a sandboxed frame
    {"origin": "null"},
    {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"},  # another program's page on this machine
    {"origin": "http://[evil"},
    {"origin": "http://127.0.0.1:99999"},
    {"sec-fetch-site": "cross-site"},
)
READ = ("/v1/videos", "/v1/videos/{id}", "/openai/v1/videos/{id}", "/v1/videos/{id}/content", "/v1/models", "/metrics")
STRANGE_HOSTS = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "[::1",
    "a.b:x",
)
OWN_HOSTS = ("127.0.0.1:8000", "127.8.9.1", "localhost", "LocalHost:8000", "[::1]:8000", "[::1]", "app.localhost:8000")
NETWORK_HOSTS = ("192.168.1.7:8000", "[fd00::7]:8000", "reelgate:8000", "host.docker.internal:8000", "studio.local")


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json()["error"]["code"] == "permission_denied"


@pytest.fixture(scope="module")
def video(gateway: Running) -> str:
    """Return the id of a finished video, which the hot path for status reads knows."""
    found: str = gateway.finished()["id"]
    return found


def listed(gateway: Running) -> list[str]:
    """Return what there is, whatever goes on with it."""
    return [each["id"] for each in gateway.http.get("/v1/videos").json()["data"]]


@pytest.mark.parametrize("headers", PAGES, ids=str)
def test_no_strange_page_makes_or_reads_anything(gateway: Running, video: str, headers: dict[str, str]) -> None:
    before = listed(gateway)
    for path in ("/v1/videos", "/openai/v1/videos", "/v1/videos?dryRun=true", f"/v1/videos/{video}/cancel"):
        assert refused(gateway.http.post(path, files=FORM, headers=headers)), path
    text = {**headers, "content-type": "text/plain"}  # a script needs no leave for this type either
    assert refused(gateway.http.post("/v1/keys", content=b'{"name": "mine", "role": "admin"}', headers=text))
    assert refused(gateway.http.delete(f"/v1/videos/{video}", headers=headers))
    if headers.get("sec-fetch-site") != "same-site":
        for path in READ:
            assert refused(gateway.http.get(path.format(id=video), headers=headers)), path
    assert listed(gateway) == before


@pytest.mark.parametrize("host", STRANGE_HOSTS)
def test_no_page_whose_name_was_made_to_lead_here_reads_or_makes_anything(
    gateway: Running, video: str, host: str
) -> None:
    headers = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
    for path in READ:
        assert refused(gateway.http.get(path.format(id=video), headers={"host": host})), path
    assert refused(gateway.http.post("/v1/videos", files=FORM, headers=headers))


@pytest.mark.parametrize("host", OWN_HOSTS + NETWORK_HOSTS)
def test_every_name_that_no_stranger_can_have_is_served_its_own_pages_included(
    gateway: Running, video: str, host: str
) -> None:
    own_page = {"host": host, "origin": f"http://{host.lower()}", "sec-fetch-site": "same-origin"}
    for headers in ({"host": host}, own_page, {"host": host, "sec-fetch-site": "none"}):
        assert gateway.http.get(f"/v1/videos/{video}", headers=headers).json()["id"] == video
        answer = gateway.http.post("/v1/videos?dryRun=true", files=FORM, headers=headers)
        assert answer.status_code == 200, (headers, answer.text)


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")  # of the SDK's own
def test_programs_and_the_openai_sdk_are_served_as_before(gateway: Running, video: str) -> None:
    port = urlsplit(gateway.url).port
    for address in ("127.0.0.1", "localhost"):
        with OpenAI(base_url=f"http://{address}:{port}/v1", api_key="none") as sdk:
            assert sdk.videos.retrieve(video).status == "completed"
            assert sdk.videos.download_content(video).read()[4:8] == b"ftyp"
            made = sdk.videos.create(prompt="a calm sea", model="sora-2", seconds="4")
            gateway.http.post(f"/v1/videos/{made.id}/cancel")
    undici = {"sec-fetch-mode": "cors", "accept": "*/*"}  # what Node's fetch sends
    assert gateway.http.post("/v1/videos?dryRun=true", files=FORM, headers=undici).status_code == 200


def test_a_signed_link_plays_in_any_page_and_a_forged_one_in_none(gateway: Running, video: str) -> None:
    link = urlsplit(gateway.http.get(f"/v1/videos/{video}").json()["url"])
    for headers in ({"origin": EVIL, "sec-fetch-site": "cross-site"}, {"host": "evil.example"}):
        assert gateway.http.get(f"{link.path}?{link.query}", headers=headers).status_code == 200
        forged = gateway.http.get(f"{link.path}?{link.query[:-1]}", headers=headers)
        assert (forged.status_code, forged.json()["error"]["code"]) == (401, "invalid_api_key")


def test_the_name_that_the_operator_gave_is_served_even_where_everybody_is_let_in(
    start_gateway: Callable[..., Running],
) -> None:
    gateway = start_gateway(auth="off", host="gw.example.net", public_url=PUBLIC)
    for host in ("videos.example.org", "videos.example.org:443", "gw.example.net:8000"):
        assert gateway.http.get("/v1/videos", headers={"host": host}).status_code == 200
    proxied = {
        "host": "127.0.0.1:8000",
        "origin": PUBLIC,
        "sec-fetch-site": "same-origin",
    }  # by the proxy
    assert gateway.http.post("/v1/videos?dryRun=true", files=FORM, headers=proxied).status_code == 200
    assert refused(gateway.http.get("/v1/videos", headers={"host": "other.example.org"}))
    assert refused(gateway.http.post("/v1/videos", files=FORM, headers={"origin": EVIL}))


def test_a_gateway_with_keys_asks_for_the_key_and_nothing_else(start_gateway: Callable[..., Running]) -> None:
    key = "an-admin-key-of-the-pages-tests"
    gateway = start_gateway(admin_key=key)
    for page in ({"host": "any.example"}, {"origin": EVIL, "sec-fetch-site": "cross-site"}):
        assert gateway.http.get("/v1/videos", headers=page).status_code == 401
        with client(gateway, key) as http:
            answer = http.get("/v1/videos", headers=page)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_gateway_becomes_open_to_all_pages_by_no_preflight(gateway: Running) -> None:
    asked = {"origin": EVIL, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    answer = gateway.http.options("/v1/videos", headers=asked)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_origin_is_ours_by_host_and_port_default_ports_filled_in() -> None:
    def foreign(host: str, origin: str) -> bool:
        return is_foreign("POST", Headers({"host": host, "origin": origin}), PUBLIC)

    assert not foreign("gw:80", "http://gw")
    assert not foreign("gw", "https://gw")  # a proxy speaks TLS for us
    assert not foreign("gw", PUBLIC)
    assert foreign("gw", "http://gw:8000")
    assert foreign("gw:8000", "http://gw")
    assert foreign("gw", PUBLIC.replace("https", "http"))
    assert foreign("gw", "app://gw")
    assert foreign("", "http://")


def test_a_request_that_names_no_host_is_no_ones() -> None:
    names = own_names("127.0.0.1", None)
    assert names == {"127.0.0.1"}
    assert not is_own_host("", names)
    assert not is_own_host(":8000", names)
