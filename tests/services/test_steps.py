"""Each step of the engine against a provider that says what it was told to; its ledger is what was paid."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from app.db.tables import OutputRow, SubmissionRow
from app.domain.jobs import State
from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, Rejected, Transient, Unsent
from app.providers.local.render import render
from app.providers.local.spec import RenderSpec
from tests.services.bench import OWNER, Finding, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.services.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


@pytest.fixture
async def finding(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Finding()) as opened:
        yield opened


async def outputs_of(bench: Bench, video_id: str) -> list[OutputRow]:
    return list((await bench.show(video_id)).outputs)


async def submissions(bench: Bench) -> list[tuple[int, str]]:
    async with bench.database.read() as session:
        rows = await session.scalars(select(SubmissionRow).order_by(SubmissionRow.attempt))
        return [(row.attempt, row.phase) for row in rows]


async def test_an_accepted_submit_is_recorded_and_polled(bench: Bench) -> None:
    video_id = await bench.create()
    assert await bench.step() == [State.QUEUED]
    (output,) = await outputs_of(bench, video_id)
    assert (output.state, output.operation, output.attempts) == ("running", {"id": "up-1"}, 1)
    assert await submissions(bench) == [(1, "accepted")]
    bench.provider.on_poll = [Pending(40, 2.0)]
    bench.clock.now += 1
    assert await bench.step() == [State.RUNNING]
    assert await bench.step() == []
    bench.clock.now += 2
    assert await bench.step() == [State.RUNNING]
    assert (await bench.show(video_id)).row.progress == 40


async def test_a_transient_refusal_is_tried_again_later_as_a_second_attempt(bench: Bench) -> None:
    await bench.create()
    bench.provider.on_submit = [Transient("busy", retry_after=9)]
    await bench.step()
    bench.clock.now += 8
    assert await bench.step() == []
    bench.clock.now += 1
    assert await bench.step() == [State.QUEUED]
    assert await submissions(bench) == [(1, "refused"), (2, "accepted")]
    assert len(bench.provider.ledger) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Rejected("no such style"), "invalid_input"),
        (Rejected("not allowed", "moderation_blocked"), "moderation_blocked"),
        (Misconfigured("wrong key"), "provider_error"),
    ],
)
async def test_a_final_refusal_fails_the_output_with_the_providers_words(
    bench: Bench, error: Exception, code: str
) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [error]
    await bench.step()
    video = (await bench.show(video_id)).row
    assert (video.status, video.error_code, video.error_message) == ("failed", code, str(error))
    assert await submissions(bench) == [(1, "refused")]


async def test_an_unknown_submission_is_never_sent_again_and_ends_as_unknown(bench: Bench) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [Indeterminate("read timeout")]
    await bench.step()
    bench.clock.now += 60
    assert await bench.step() == [State.SUBMITTING]
    assert (await bench.show(video_id)).row.status == "queued"
    bench.clock.now += 600
    assert await bench.step() == [State.SUBMITTING]
    assert (await bench.show(video_id)).row.error_code == "submission_unknown"
    assert len(bench.provider.ledger) == 1


async def test_an_unknown_submission_that_the_provider_finds_is_adopted(finding: Bench) -> None:
    video_id = await finding.create()
    finding.provider.on_submit = [Indeterminate("read timeout")]
    assert isinstance(finding.provider, Finding)
    finding.provider.found = {"id": "up-found"}
    await finding.step()
    finding.clock.now += 60
    await finding.step()
    assert [sent.submission_id for sent in finding.provider.asked] == [
        order.submission_id for order in finding.provider.ledger
    ]
    (output,) = await outputs_of(finding, video_id)
    assert (output.state, output.operation) == ("running", {"id": "up-found"})
    assert len(finding.provider.ledger) == 1


async def test_an_unknown_submission_that_surely_was_not_accepted_is_sent_again(finding: Bench) -> None:
    video_id = await finding.create()
    finding.provider.on_submit = [Indeterminate("reset")]
    await finding.step()
    finding.clock.now += 60
    await finding.step()
    await finding.step()
    assert (await outputs_of(finding, video_id))[0].state == "running"
    assert await submissions(finding) == [(1, "refused"), (2, "accepted")]


async def test_nothing_is_sent_once_the_lease_ran_out(bench: Bench) -> None:
    video_id = await bench.create()
    bench.lease_holds = False
    await bench.step()
    assert bench.provider.ledger == []
    assert (await outputs_of(bench, video_id))[0].state == "queued"
    assert await submissions(bench) == [(1, "unsent")]


async def test_what_never_left_is_told_from_what_was_refused(bench: Bench) -> None:
    await bench.create()
    bench.provider.on_submit = [Unsent("cannot reach it"), Transient("503")]
    await bench.step()
    bench.clock.now += 60
    await bench.step()
    assert await submissions(bench) == [(1, "unsent"), (2, "refused")]


@pytest.mark.parametrize("phase", ["refused", "unsent"])
async def test_a_submission_whose_refusal_is_all_that_was_written_down_is_sent_again(bench: Bench, phase: str) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [Indeterminate("reset")]
    await bench.step()
    answered = update(SubmissionRow).values(phase=phase)
    await bench.database.write(lambda session: session.execute(answered))
    bench.clock.now += 60
    await bench.step()
    await bench.step()
    assert (await outputs_of(bench, video_id))[0].state == "running"
    assert await submissions(bench) == [(1, phase), (2, "accepted")]


async def test_a_step_that_was_overtaken_changes_nothing(bench: Bench) -> None:
    video_id = await bench.create()
    (stale,) = await bench.claim()
    bench.clock.now += 31
    (fresh,) = await bench.claim(owner="other")
    assert fresh.fence == stale.fence + 1
    await bench.submitting.submit(stale, lambda: True)
    assert bench.provider.ledger == []
    await bench.submitting.submit(fresh, lambda: True)
    assert (await outputs_of(bench, video_id))[0].state == "running"


async def test_a_cancel_during_the_submit_still_reaches_the_provider(bench: Bench) -> None:
    video_id = await bench.create()
    submit = bench.provider.submit

    async def cancelled_meanwhile(order: object) -> dict[str, object]:
        await bench.videos.cancel(OWNER, video_id)
        return await submit(order)  # type: ignore[arg-type,return-value]  # the scripted provider's own

    bench.provider.submit = cancelled_meanwhile  # type: ignore[method-assign,assignment]
    await bench.step()
    assert (await bench.show(video_id)).row.error_code == "cancelled"
    while await bench.clean_up():
        pass
    assert bench.provider.cancelled == [{"id": "up-1"}]


async def test_a_failed_render_fails_its_output_only(bench: Bench) -> None:
    video_id = await bench.create(n=2)
    await bench.step()
    bench.clock.now += 10
    bench.provider.on_poll = [Failed("moderation_blocked", "no"), Pending(50)]
    await bench.step()
    video = await bench.show(video_id)
    assert [output.state for output in video.outputs] == ["failed", "running"]
    assert (video.row.status, video.row.error_code) == ("in_progress", None)


async def test_a_video_without_any_success_fails_with_the_first_outputs_error(bench: Bench) -> None:
    video_id = await bench.create(n=2)
    await bench.step()
    bench.clock.now += 10
    bench.provider.on_poll = [Failed("invalid_input", "first"), Failed("provider_error", "second")]
    await bench.step()
    video = (await bench.show(video_id)).row
    assert (video.status, video.error_code, video.error_message) == ("failed", "invalid_input", "first")
    assert video.progress < 100


@pytest.mark.parametrize("error", [Transient("429", 7.0), Misconfigured("401")])
async def test_a_poll_that_fails_is_repeated_and_loses_nothing(bench: Bench, error: Exception) -> None:
    video_id = await bench.create()
    await bench.step()
    bench.clock.now += 10
    bench.provider.on_poll = [error]
    await bench.step()
    assert (await outputs_of(bench, video_id))[0].state == "running"
    bench.clock.now += 31
    assert await bench.step() == [State.RUNNING]


@pytest.mark.parametrize("steps", [0, 1])
async def test_an_output_past_its_deadline_fails_and_is_cancelled_upstream(bench: Bench, steps: int) -> None:
    video_id = await bench.create()
    for _ in range(steps):
        await bench.step()
    bench.clock.now += 3601
    await bench.step()
    assert (await bench.show(video_id)).row.error_code == "timeout"
    await bench.clean_up()
    assert len(bench.provider.cancelled) == steps


def film(path: Path) -> None:
    """Write a real one-second video."""
    spec = RenderSpec("text-to-video", "x", 1, "test", 64, 64, 1.0, str(path))
    render(spec.to_json(), lambda _message: None)


def page(path: Path) -> Path:
    path.write_text("<html>gone</html>")
    return path


async def stored_at_last(bench: Bench, video_id: str) -> None:
    """Let the store lane try until the output has ended."""
    for _ in range(8):
        bench.clock.now += 200
        if await bench.step() != [State.STORING]:
            break
    assert (await bench.show(video_id)).row.status in ("completed", "failed")


async def test_a_result_that_is_no_video_is_tried_again_and_then_fails_as_unavailable(
    bench: Bench, tmp_path: Path
) -> None:
    result = page(tmp_path / "result.mp4")
    video_id = await bench.create()
    await bench.step()
    bench.clock.now += 10
    bench.provider.on_poll = [Succeeded(result, cost=5)]
    await bench.step()
    await bench.step()
    assert (await bench.show(video_id)).row.status == "in_progress"
    await stored_at_last(bench, video_id)
    video = await bench.show(video_id)
    assert (video.row.error_code, video.outputs[0].cost) == ("media_unavailable", 5)


async def test_a_paid_result_is_stored_even_past_the_deadline(bench: Bench, tmp_path: Path) -> None:
    video_id = await bench.create()
    await bench.step()
    bench.clock.now += 10
    bench.provider.on_poll = [Succeeded(tmp_path / "result.mp4")]
    await bench.step()
    bench.clock.now += 3601
    film(tmp_path / "result.mp4")
    assert await bench.step() == [State.STORING]
    assert (await bench.show(video_id)).row.status == "completed"


async def test_a_running_output_without_a_handle_is_a_fault_of_ours(bench: Bench) -> None:
    await bench.create()
    await bench.step()
    bench.clock.now += 10
    (job,) = await bench.claim()
    with pytest.raises(RuntimeError, match="without an operation"):
        await bench.polling.poll(replace(job, operation=None))


def leave_folder(path: Path) -> None:
    path.mkdir()


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def test_sweeping_keeps_the_scratch_of_live_outputs(bench: Bench) -> None:
    video_id = await bench.create()
    await bench.step()
    (output,) = await outputs_of(bench, video_id)
    scratch = bench.context.scratch
    leave_folder(scratch / "out_gone")
    await bench.ending.sweep(everything=True)
    assert names_in(scratch) == [output.id]


async def test_sweeping_removes_stored_files_that_no_row_names(bench: Bench) -> None:
    video_id = await bench.create()
    for key in ("inputs/video_gone/0", f"inputs/{video_id}/0", "files/file_gone/content", "characters/char_gone/f.png"):
        await bench.store.put_bytes(key, b"x", "image/png")
    await bench.ending.sweep(everything=True)
    left = [await bench.store.names(prefix) for prefix in ("inputs", "files", "characters")]
    assert left == [[video_id], [], []]


@asynccontextmanager
async def a_second_bench(folder: Path) -> AsyncIterator[Bench]:
    leave_folder(folder)
    async with open_bench(folder, Scripted()) as opened:
        yield opened


async def test_the_same_request_gives_the_same_seeds_and_its_outputs_differ(bench: Bench, tmp_path: Path) -> None:
    await bench.create(n=2)
    await bench.step()
    async with a_second_bench(tmp_path / "second") as second:
        await second.create(n=2)
        await second.step()
        seeds = [sorted(order.seed for order in each.provider.ledger) for each in (bench, second)]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 2


async def test_a_refusal_that_was_charged_shows_its_cost(bench: Bench) -> None:
    video_id = await bench.create()
    bench.provider.on_submit = [Rejected("no", "moderation_blocked", 250_000)]
    await bench.step()
    (output,) = await outputs_of(bench, video_id)
    assert (output.cost, output.history[0]["cost"]) == (250_000, 250_000)
