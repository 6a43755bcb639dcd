"""Complaints 1 to 8 about other gateways: ids that change, and calls that go to the wrong provider."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from openai import OpenAI

from app.main import create_app
from app.startup import StartupError
from tests.pitfalls.bench import MODEL, REAL, at_least
from tests.serving import serve
from tests.upstreams import fal
from tests.upstreams.behaviour import Rule, answer, slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pitfalls.bench import Bench
    from tests.serving import Running

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
ADMIN_KEY = "an-admin-key-of-the-pitfall-tests"


def sdk(gateway: Running) -> OpenAI:
    return OpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)


@pytest.mark.parametrize("provider", REAL)
def test_the_id_is_the_same_in_post_get_list_and_content(bench: Bench, provider: str) -> None:
    """Complaint 1: the id of GET differs from that of POST, and any call with it fails."""
    with sdk(bench.main) as client:
        created = client.videos.create(prompt="one id", model=f"{provider}/{MODEL}", extra_body={"seconds": 1})
        bench.main.wait(created.id)
        retrieved = client.videos.retrieve(created.id)
        assert retrieved.id == created.id
        assert client.videos.list(limit=1).data[0].id == created.id
        assert client.videos.download_content(retrieved.id).read()[4:8] == b"ftyp"
        assert client.videos.delete(retrieved.id).id == created.id
    paid = bench.ledger(provider).paid()[0]
    assert paid.request_id not in created.id
    assert retrieved.model_extra
    assert retrieved.model_extra["metadata"]["upstream_id"] == paid.request_id


def test_an_alias_stays_with_the_provider_that_created_it(bench: Bench) -> None:
    """Complaint 2: a job made under an alias is polled with the key of another deployment of the same model."""
    bench.fal.lock()
    video = bench.main.finished(model="sora-2")
    assert (video["model"], video["metadata"]["provider"]) == ("sora-2", "aimlapi")
    assert [name for name, _ in bench.paid()] == ["aimlapi"]
    assert bench.calls("aimlapi", "status") > 0
    assert bench.calls("fal", "status") == bench.calls("xai", "status") == 0
    keys = {headers["authorization"] for _, target, headers in bench.heard["aimlapi"].requests if "/v2/" in target}
    assert keys == {f"Bearer {bench.environment['AIMLAPI_KEY']}"}


def test_each_deployment_of_one_model_is_asked_with_its_own_key_only(bench: Bench) -> None:
    """Complaint 2: two deployments share a model's name, and a job of the second is polled with the first one's key."""
    made = [bench.main.create(model=f"{name}/sora-2", prompt=f"by {name}")["id"] for name in REAL]
    for video_id in made:
        assert bench.main.wait(video_id)["model"].endswith("sora-2")
    keys = {name: {headers.get("authorization") for *_, headers in bench.heard[name].requests} for name in REAL}
    wanted = {"fal": "Key {FAL_KEY}", "aimlapi": "Bearer {AIMLAPI_KEY}", "xai": "Bearer {XAI_API_KEY}"}
    for name, form in wanted.items():
        # Films are fetched without any key; every call that has one has that of its own deployment.
        assert keys[name] - {None} == {form.format(**bench.environment)}
    assert len({form.format(**bench.environment) for form in wanted.values()}) == len(REAL)


def test_the_status_is_asked_where_the_video_is_made(bench: Bench) -> None:
    """Complaint 3: the status is fetched from one provider though another one makes the video."""
    made = {name: bench.main.create(model=f"{name}/{MODEL}", prompt=f"at {name}")["id"] for name in REAL}
    for name, video_id in made.items():
        assert bench.main.wait(video_id)["metadata"]["provider"] == name
        upstream_id = bench.ledger(name).paid()[0].request_id
        for other in REAL:
            asked = " ".join(bench.heard[other].targets("GET"))
            assert (upstream_id in asked) is (other == name)


def test_get_and_download_need_no_more_than_post_did(bench: Bench, another: Callable[..., Running]) -> None:
    """Complaint 4: status and download fail for credentials that only the POST had."""
    gateway = another(admin_key=ADMIN_KEY)
    gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
    video = gateway.finished(model=f"xai/{MODEL}")
    assert gateway.http.get(f"/v1/videos/{video['id']}/content").content[4:8] == b"ftyp"
    gateway.http.headers.pop("authorization")
    assert gateway.http.get(f"/v1/videos/{video['id']}").status_code == 401
    assert len(bench.xai.ledger.paid()) == 1


def test_a_job_survives_that_the_operator_reorders_his_providers(bench: Bench, tmp_path: Path) -> None:
    """Complaint 4: the credentials of GET are those of POST, even when the default is another provider by then."""
    bench.fal.rules.add(Rule(on="job", do=slow(1.0)))
    with serve(bench.settings(tmp_path)) as gateway:
        video_id = gateway.create()["id"]
        bench.sent("fal")
    with serve(bench.settings(tmp_path, providers="xai,fal", default_model="grok-imagine-video-1.5")) as gateway:
        assert gateway.wait(video_id)["metadata"]["provider"] == "fal"
    assert [name for name, _ in bench.paid()] == ["fal"]


def test_the_list_pages_without_naming_a_provider(bench: Bench) -> None:
    """Complaint 5: the list fails, or its cursors cannot be used."""
    made = []
    for number in range(5):
        made.append(bench.main.create(prompt=f"page {number}", model=f"{REAL[number % 3]}/{MODEL}")["id"])
        bench.main.http.post(f"/v1/videos/{made[-1]}/cancel")
    with sdk(bench.main) as client:
        listed = [video.id for video in client.videos.list(limit=2)]
    assert listed[:5] == made[::-1]
    page = bench.main.http.get("/v1/videos", params={"limit": 2}).json()
    assert (page["first_id"], page["last_id"]) == (made[4], made[3])
    after = bench.main.http.get("/v1/videos", params={"limit": 2, "after": page["last_id"]}).json()
    assert [video["id"] for video in after["data"]] == [made[2], made[1]]


def test_a_self_hosted_backend_keeps_its_routing(bench: Bench) -> None:
    """Complaint 6: status ids lose the routing of a self-hosted backend; ours is the local renderer."""
    video = bench.main.finished(model=f"local/{MODEL}")
    assert video["metadata"]["provider"] == "local"
    assert bench.main.http.get(f"/v1/videos/{video['id']}/content").content[4:8] == b"ftyp"
    assert bench.paid() == []


def test_a_forged_id_reaches_no_provider(bench: Bench) -> None:
    """Complaint 7: whoever forges an id chooses the host that the provider's key is sent to."""
    told = b"fal;xai/grok-imagine-video;https://attacker.example/requests/1"
    for forged in (
        f"video_{base64.urlsafe_b64encode(told).decode()}",
        "video_0",
        "..%2F..%2Ffiles",
        f"video_{'0' * 32}",
    ):
        for path in (f"/v1/videos/{forged}", f"/v1/videos/{forged}/content"):
            assert bench.main.http.get(path).status_code == 404
        assert bench.main.http.delete(f"/v1/videos/{forged}").status_code == 404
    assert [heard.requests for heard in bench.heard.values()] == [[], [], []]


def test_an_answer_cannot_send_the_key_to_another_host(bench: Bench) -> None:
    """Complaint 7: upstream URLs are taken only where they are on the provider's own host."""
    elsewhere = bench.environment["REELGATE_XAI_URL"].removesuffix("/v1")
    told = {name: f"{elsewhere}/stolen/{name}" for name in ("status_url", "response_url", "cancel_url")}
    bench.fal.rules.add(Rule(on="submit", do=answer(200, {"request_id": "known-by-nobody", **told})))
    video = bench.main.create(model=f"fal/{MODEL}")
    at_least(1, lambda: bench.calls("fal", "status"))
    bench.main.http.post(f"/v1/videos/{video['id']}/cancel")
    assert bench.heard["xai"].requests == []
    assert all(headers["authorization"] == f"Key {fal.KEY}" for _, _, headers in bench.heard["fal"].requests)


def test_another_callers_id_is_not_found(another: Callable[..., Running]) -> None:
    """Complaint 7: a foreign id gives 404, like one that never was."""
    gateway = another(admin_key=ADMIN_KEY)
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    keys = [gateway.http.post("/v1/keys", json={"name": name}, headers=admin).json()["key"] for name in "ab"]
    gateway.http.headers["authorization"] = f"Bearer {keys[0]}"
    video = gateway.finished(model=f"fal/{MODEL}")
    stranger = {"authorization": f"Bearer {keys[1]}"}
    assert gateway.http.get(f"/v1/videos/{video['id']}", headers=stranger).status_code == 404
    assert gateway.http.get(f"/v1/videos/{video['id']}/content", headers=stranger).status_code == 404
    assert gateway.http.get("/v1/videos", headers=stranger).json()["data"] == []


def test_a_job_is_known_to_the_next_process_on_the_same_database(bench: Bench, tmp_path: Path) -> None:
    """Complaint 8: job state lives in one process, and polls that reach another one get 404."""
    bench.fal.rules.add(Rule(on="job", do=slow(0.5)))
    with serve(bench.settings(tmp_path)) as first:
        video_id = first.create(model=f"fal/{MODEL}")["id"]
        bench.sent("fal")
    with serve(bench.settings(tmp_path)) as second:
        assert second.wait(video_id)["status"] == "completed"
        assert second.http.get(f"/v1/videos/{video_id}/content").status_code == 200


async def test_two_gateways_never_share_one_sqlite_folder(bench: Bench) -> None:
    """Complaint 8, where SQLite has no second replica: it is refused at its start rather than answered with 404."""
    app = create_app(bench.settings(bench.main.data_dir))
    with pytest.raises(StartupError, match="Another gateway is using the data folder"):
        async with app.router.lifespan_context(app):
            raise AssertionError("two gateways run on one data folder")
