"""Operators find the paid requests whose answer was lost, and say what became of them."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.api import submission_schemas as schemas
from app.db import submissions
from tests.failover.system import PRICE, System, story
from tests.postgres import cluster, needs_postgres
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, fail, hang, never, slow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from app.domain.jobs import Operation

HOUR = 3600
LOST = accept_then(cut(reset=True))
UNLISTED = Rule(on="list", do=answer(503), times=None)
NOT_CHARGED: Mapping[str, object] = {"outcome": "not_charged"}
CENT: Mapping[str, object] = {"outcome": "charged", "cost_micros": 10_000}


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Three fakes and a gateway that gives an unknown submission up at its first look."""
    with ExitStack() as stack:
        made = System(tmp_path, stack, monkeypatch)
        made.settings["settle_seconds"] = 0
        yield made


def lose(system: System, **fields: object) -> dict[str, Any]:
    """Have a video fail as its submission's answer is lost; return the submission."""
    video_id = system.create(**fields)
    system.until(lambda: any(each["video_id"] == video_id for each in listed(system, status="all")))
    video = system.outlast(video_id)
    assert (video["status"], video["error"]["code"]) == ("failed", "submission_unknown")
    (found,) = [each for each in listed(system) if each["video_id"] == video_id]
    return found


def lost_at(system: System, provider: str, **settings: object) -> dict[str, Any]:
    """Start a gateway with one provider, which takes and charges a job and does not say so."""
    system.start(providers=(provider,), **settings)
    system.misbehave(provider, Rule(on="submit", do=LOST), UNLISTED)
    return lose(system)


def listed(system: System, **query: str) -> list[dict[str, Any]]:
    """List submissions."""
    answered = system.gateway.http.get("/v1/submissions", params=query)
    assert answered.status_code == 200, answered.text
    schemas.SubmissionList.model_validate(answered.json())
    found: list[dict[str, Any]] = answered.json()["data"]
    return found


def show(system: System, submission_id: str) -> dict[str, Any]:
    """Retrieve a submission."""
    found: dict[str, Any] = system.gateway.http.get(f"/v1/submissions/{submission_id}").json()
    return found


def resolve(system: System, submission_id: str, said: Mapping[str, object]) -> httpx.Response:
    """Say what became of a submission."""
    return system.gateway.http.post(f"/v1/submissions/{submission_id}/resolve", json=said)


def resolved(system: System, submission_id: str, said: Mapping[str, object]) -> dict[str, Any]:
    """Say what became of a submission, and be believed."""
    answered = resolve(system, submission_id, said)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    schemas.SubmissionObject.model_validate(found)
    assert found == show(system, submission_id)
    return found


def refused(answered: httpx.Response) -> tuple[int, str, str | None]:
    """Return status, code and field of a refusal."""
    error = answered.json()["error"]
    return answered.status_code, error["code"], error["param"]


def told(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the log lines about resolutions."""
    lines = [line for line in capfd.readouterr().err.splitlines() if '"submission.resolve"' in line]
    return [json.loads(line) for line in lines]


def accept(system: System, submission_id: str, upstream_id: str) -> str | None:
    """Have a callback or a listing say that the provider took it."""
    database, loop = system.gateway.app.state.gateway.database, system.clock.loop
    assert loop
    operation: Operation = {"id": upstream_id}
    work = partial(submissions.accept, submission_id=submission_id, operation=operation, now=system.clock.ahead)
    done: str | None = asyncio.run_coroutine_threadsafe(database.write(work), loop).result(60)
    return done


@pytest.mark.parametrize("provider", ["fal", "aimlapi", "xai"])
def test_an_accepted_submission_is_adopted_and_its_video_is_completed_without_a_second_payment(
    system: System, capfd: pytest.CaptureFixture[str], provider: str
) -> None:
    flagged = lost_at(system, provider)
    paid = system.only_paid(provider)
    assert (flagged["status"], flagged["phase"], flagged["provider"]) == ("unknown", "submitting", provider)
    assert (flagged["prompt"], flagged["owner"], flagged["output_index"]) == ("a calm sea", "open", 0)
    assert (flagged["upstream_id"], flagged["answered_at"], flagged["cost"]) == (None, None, None)
    assert flagged["cost_estimate"] == (None if provider == "aimlapi" else PRICE / 1e6)
    assert [each["outcome"] for each in flagged["attempts"]] == ["unknown"]

    said: dict[str, object] = {"outcome": "accepted", "upstream_id": paid.request_id}
    found = resolved(system, flagged["id"], said)
    assert (found["status"], found["phase"], found["upstream_id"]) == ("settled", "accepted", paid.request_id)
    video = system.wait(flagged["video_id"])
    assert (video["status"], video["error"]) == ("completed", None)
    assert video["metadata"]["upstream_id"] == paid.request_id
    assert [outcome for _, outcome, _ in story(video)] == ["unknown", "completed"]
    system.only_paid(provider)

    assert resolved(system, flagged["id"], said)["phase"] == "accepted"
    assert system.get(flagged["video_id"]) == video
    for other in (NOT_CHARGED, CENT, {"outcome": "accepted", "upstream_id": "another"}):
        assert refused(resolve(system, flagged["id"], other)) == (400, "invalid_value", "outcome")
    assert listed(system) == []
    (line,) = told(capfd)
    assert {name: line[name] for name in ("event", "target", "outcome", "upstream_id", "who")} == {
        "event": "audit",
        "target": flagged["id"],
        "outcome": "accepted",
        "upstream_id": paid.request_id,
        "who": "open",
    }


@pytest.mark.parametrize("said", [{"cost_micros": 52_500}, {"cost_usd": 0.0525}], ids=["micros", "dollars"])
def test_a_charged_submission_is_booked_once_and_its_video_stays_failed(
    system: System, capfd: pytest.CaptureFixture[str], said: dict[str, object]
) -> None:
    flagged = lost_at(system, "xai")
    for _again in range(2):
        found = resolved(system, flagged["id"], {"outcome": "charged", **said})
        assert (found["status"], found["phase"], found["cost"]) == ("settled", "charged", 0.0525)
    video = system.get(flagged["video_id"])
    assert (video["status"], video["error"]["code"]) == ("failed", "submission_unknown")
    assert video["metadata"]["cost"] == 0.0525
    assert story(video)[-1] == ("xai", "charged", "submission_unknown")
    for other in (NOT_CHARGED, CENT, {"outcome": "accepted", "upstream_id": system.only_paid("xai").request_id}):
        assert refused(resolve(system, flagged["id"], other)) == (400, "invalid_value", "outcome")
    assert listed(system) == []
    (line,) = told(capfd)
    assert (line["outcome"], line["cost"]) == ("charged", 52_500)


def test_what_was_booked_as_lost_is_not_adopted_later_and_so_not_booked_twice(system: System) -> None:
    flagged = lost_at(system, "xai")
    resolved(system, flagged["id"], CENT)
    assert accept(system, flagged["id"], system.only_paid("xai").request_id) == "nothing"
    video = system.get(flagged["video_id"])
    assert (video["status"], video["metadata"]["cost"]) == ("failed", 0.01)


def test_a_submission_that_was_not_charged_is_settled_until_the_provider_proves_otherwise(system: System) -> None:
    flagged = lost_at(system, "xai")
    for _again in range(2):
        assert resolved(system, flagged["id"], NOT_CHARGED)["phase"] == "not_charged"
    video = system.get(flagged["video_id"])
    assert (video["status"], video["metadata"]["cost"]) == ("failed", None)
    assert refused(resolve(system, flagged["id"], CENT)) == (400, "invalid_value", "outcome")
    assert accept(system, flagged["id"], system.only_paid("xai").request_id) == "adopted"
    system.advance(HOUR)
    assert system.wait(flagged["video_id"])["status"] == "completed"


def test_a_wrong_upstream_id_is_found_out_before_it_does_harm(system: System) -> None:
    first, second = lost_at(system, "xai"), ""
    system.misbehave("xai", Rule(on="submit", do=LOST))
    second = lose(system, prompt="another sea")["id"]
    wrong: dict[str, object] = {"outcome": "accepted", "upstream_id": "no-such-request"}
    answered = resolve(system, first["id"], wrong)
    assert refused(answered) == (503, "provider_unavailable", "upstream_id")
    assert "no-such-request" in answered.json()["error"]["message"]
    one, other = (paid.request_id for paid in system.xai.ledger.paid())
    resolved(system, first["id"], {"outcome": "accepted", "upstream_id": one})
    taken = resolve(system, second, {"outcome": "accepted", "upstream_id": one})
    assert refused(taken) == (400, "invalid_value", "upstream_id")
    assert first["id"] in taken.json()["error"]["message"]
    resolved(system, second, {"outcome": "accepted", "upstream_id": other})
    assert {system.wait(each["video_id"])["status"] for each in listed(system, status="all")} == {"completed"}


def test_a_job_that_failed_at_the_provider_is_not_taken_over_but_named(system: System) -> None:
    system.misbehave("fal", Rule(on="job", do=fail(error="the model broke")))
    flagged = lost_at(system, "fal")
    said: dict[str, object] = {"outcome": "accepted", "upstream_id": system.only_paid("fal").request_id}
    system.until(lambda: [paid.outcome for paid in system.fal.ledger.paid()] == ["failed"])
    answered = resolve(system, flagged["id"], said)
    assert refused(answered) == (400, "invalid_value", "upstream_id")
    assert "not_charged" in answered.json()["error"]["message"]
    assert resolved(system, flagged["id"], NOT_CHARGED)["status"] == "settled"


def test_what_was_sent_to_a_provider_that_is_no_longer_in_use_can_only_be_booked(system: System) -> None:
    flagged = lost_at(system, "xai")
    system.stop()
    system.start(providers=("fal",))
    said = {"outcome": "accepted", "upstream_id": system.only_paid("xai").request_id}
    answered = resolve(system, flagged["id"], said)
    assert refused(answered) == (400, "invalid_value", "outcome")
    assert "xai is not in use" in answered.json()["error"]["message"]
    assert resolved(system, flagged["id"], CENT)["phase"] == "charged"


def test_an_adopted_job_has_time_to_end_however_late_it_is_adopted(system: System) -> None:
    system.start(providers=("xai",), job_timeout_seconds=HOUR)
    system.misbehave("xai", Rule(on="submit", do=LOST), Rule(on="job", do=slow(3)))
    flagged = lose(system)
    system.advance(2 * HOUR)
    resolved(system, flagged["id"], {"outcome": "accepted", "upstream_id": system.only_paid("xai").request_id})
    assert system.wait(flagged["video_id"])["status"] == "completed"


def test_a_job_whose_video_was_deleted_is_adopted_for_its_cost_alone(system: System) -> None:
    flagged = lost_at(system, "xai")
    system.gateway.http.delete(f"/v1/videos/{flagged['video_id']}").raise_for_status()
    (blank,) = listed(system)
    assert (blank["prompt"], blank["cost_estimate"], blank["attempts"]) == ("", None, [])
    system.until(lambda: [paid.outcome for paid in system.xai.ledger.paid()] == ["completed"])
    found = resolved(system, flagged["id"], {"outcome": "accepted", "upstream_id": system.only_paid("xai").request_id})
    assert found["status"] == "settled"
    system.until(lambda: [each["cost"] for each in show(system, flagged["id"])["attempts"]] == [PRICE / 1e6])
    assert system.gateway.http.get(f"/v1/videos/{flagged['video_id']}").status_code == 404


def test_a_submission_that_was_cancelled_while_its_fate_was_unknown_is_flagged_too(system: System) -> None:
    system.start(providers=("xai",))
    system.misbehave("xai", Rule(on="submit", do=LOST))
    video_id = system.create()
    system.until(lambda: not system.xai.rules.pending() and listed(system, status="all"))
    assert listed(system) == []
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel").raise_for_status()
    (flagged,) = listed(system)
    resolved(system, flagged["id"], {"outcome": "accepted", "upstream_id": system.only_paid("xai").request_id})
    system.until(lambda: system.get(video_id)["metadata"]["cost"] == PRICE / 1e6)
    assert system.get(video_id)["error"]["code"] == "cancelled"


def test_what_is_still_looked_for_is_not_the_operators_to_resolve(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.providers.http._PATIENCE", httpx.Timeout(5.0))
    system.start(providers=("xai",))
    system.misbehave("xai", Rule(on="submit", do=hang()))
    system.create()
    system.until(lambda: listed(system, status="all"))
    (pending,) = listed(system, status="all")
    assert (pending["status"], pending["phase"], listed(system)) == ("pending", "submitting", [])
    assert refused(resolve(system, pending["id"], NOT_CHARGED)) == (400, "invalid_value", "outcome")


def test_a_submission_that_was_answered_needs_no_operator(system: System) -> None:
    system.start(providers=("xai",))
    system.misbehave("xai", Rule(on="job", do=never()), Rule(on="submit", do=answer(400, {"error": "no"}), skip=1))
    for prompt in ("one", "two"):
        system.create(prompt=prompt)
        system.until(partial(_is_listed, system, prompt))
    system.until(lambda: {each["phase"] for each in listed(system, status="all")} == {"accepted", "refused"})
    assert listed(system) == []
    for each in listed(system, status="all"):
        assert each["status"] == "settled"
        assert refused(resolve(system, each["id"], NOT_CHARGED)) == (400, "invalid_value", "outcome")


def _is_listed(system: System, prompt: str) -> bool:
    return prompt in {each["prompt"] for each in listed(system, status="all")}


def test_submissions_are_listed_newest_first_and_page_by_page(system: System) -> None:
    system.start(providers=("xai",))
    system.misbehave("xai", Rule(on="submit", do=LOST, times=None))
    made = [lose(system, prompt=f"sea {number}")["id"] for number in range(3)]
    assert [each["id"] for each in listed(system)] == made[::-1]
    page = system.gateway.http.get("/v1/submissions", params={"limit": 2}).json()
    assert (page["first_id"], page["last_id"], page["has_more"]) == (made[2], made[1], True)
    rest = system.gateway.http.get("/v1/submissions", params={"limit": 2, "after": page["last_id"]}).json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([made[0]], False)
    resolved(system, made[1], NOT_CHARGED)
    assert [each["id"] for each in listed(system)] == [made[2], made[0]]
    assert [each["id"] for each in listed(system, status="all")] == made[::-1]
    assert listed(system, after="sub_unknown") == []


def test_what_is_unknown_or_malformed_is_refused_by_name(system: System) -> None:
    http = system.start().http
    assert refused(http.get("/v1/submissions/sub_1")) == (404, "not_found", "submission_id")
    assert refused(resolve(system, "sub_1", NOT_CHARGED)) == (404, "not_found", "submission_id")
    for field, query in (("status", {"status": "lost"}), ("limit", {"limit": "101"})):
        assert refused(http.get("/v1/submissions", params=query)) == (400, "invalid_value", field)
    malformed: list[tuple[str, str, dict[str, object]]] = [
        ("missing_required_parameter", "outcome", {}),
        ("invalid_value", "outcome", {"outcome": "lost"}),
        ("missing_required_parameter", "upstream_id", {"outcome": "accepted"}),
        ("invalid_value", "upstream_id", {"outcome": "accepted", "upstream_id": "two words"}),
        ("missing_required_parameter", "cost_micros", {"outcome": "charged"}),
        ("invalid_value", "cost_micros", {"outcome": "charged", "cost_micros": 0}),
        ("invalid_value", "cost_micros", {"outcome": "charged", "cost_micros": True}),
        ("invalid_value", "cost_usd", {"outcome": "charged", "cost_usd": -1}),
        ("invalid_value", "cost_usd", {"outcome": "charged", "cost_usd": 1001}),
        ("invalid_value", "cost_micros", {"outcome": "charged", "cost_usd": 1, "cost_micros": 1_000_000}),
        ("invalid_value", "upstream_id", {**NOT_CHARGED, "upstream_id": "x"}),
    ]
    for code, param, said in malformed:
        assert refused(resolve(system, "sub_1", said)) == (400, code, param), said


def test_only_admins_see_and_resolve_submissions(system: System) -> None:
    admin = system.start().http
    for role in ("admin", "member"):
        key = admin.post("/v1/keys", json={"name": role, "role": role}).json()["key"]
        admin.headers["authorization"] = f"Bearer {key}" if role == "admin" else admin.headers["authorization"]
    admin.headers["authorization"] = f"Bearer {key}"
    for method, path in (
        ("GET", "/v1/submissions"),
        ("GET", "/v1/submissions/sub_1"),
        ("POST", "/v1/submissions/sub_1/resolve"),
    ):
        assert refused(admin.request(method, path, json=NOT_CHARGED)) == (403, "permission_denied", None)


@needs_postgres
def test_of_many_words_at_once_one_is_believed_on_postgres(system: System) -> None:
    with cluster() as server:
        try:
            flagged = lost_at(system, "xai", database_url=server.url("submissions"))
            upstream_id = system.only_paid("xai").request_id
            words: list[Mapping[str, object]] = [
                NOT_CHARGED,
                CENT,
                {"outcome": "accepted", "upstream_id": upstream_id},
            ] * 4
            with ThreadPoolExecutor(len(words)) as many:
                answers = list(many.map(partial(resolve, system, flagged["id"]), words))
            believed = [word for word, answered in zip(words, answers, strict=True) if answered.status_code == 200]
            assert believed == [believed[0]] * 4
            assert {answered.status_code for answered in answers} == {200, 400}
            phase: str = show(system, flagged["id"])["phase"]
            assert phase == believed[0]["outcome"]
            if phase == "accepted":
                system.wait(flagged["video_id"])
            video = system.get(flagged["video_id"])
            assert video["status"] == ("completed" if phase == "accepted" else "failed")
            cost = {"accepted": PRICE / 1e6, "charged": 0.01, "not_charged": None}
            assert video["metadata"]["cost"] == cost[phase]
        finally:
            system.stop()
