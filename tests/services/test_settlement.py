"""What is reserved for an output, and what is booked when it has ended, however it ends."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.db.flagged import Page
from app.db.settlement import settle
from app.domain.errors import GatewayError
from app.domain.limits import Limits
from app.domain.resolutions import Resolution
from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Indeterminate, Rejected
from app.services.submissions import Submissions
from tests.services.bench import Bench, Finding, Scripted, open_bench
from tests.services.books import PRICE, Books, Holder, holder
from tests.upstreams.films import film

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path / "bench", Finding("fal", lists_all=False)) as opened:
        yield opened


@pytest.fixture
async def key(bench: Bench) -> Holder:
    return await holder(bench)


def made(key: Holder, cost: int | None) -> Succeeded:
    """Have the provider made a film."""
    path = key.bench.folder / "made.mp4"
    path.write_bytes(film(64, 48, 25))
    return Succeeded(path=path, cost=cost)


async def steps(key: Holder, *, times: int = 1, seconds: float = 60) -> None:
    for _ in range(times):
        await key.bench.step()
        key.bench.clock.now += seconds


@pytest.mark.parametrize(("cost", "booked"), [(70_000, 70_000), (30_000, 30_000), (0, 0), (None, PRICE)])
async def test_a_finished_output_costs_what_the_provider_told_or_else_its_estimate(
    key: Holder, cost: int | None, booked: int
) -> None:
    await key.create()
    assert await key.books() == Books(0, PRICE, 1)
    key.bench.provider.on_poll = [made(key, cost)]
    await steps(key, times=3)
    assert await key.books() == Books(booked, 0, 0)


async def test_each_output_reserves_its_estimate_and_gives_it_back_by_itself(key: Holder) -> None:
    await key.create(n=3)
    assert await key.books() == Books(0, 3 * PRICE, 3)
    key.bench.provider.on_poll = [made(key, 20_000), Failed("moderation_blocked", "no"), Pending(10)]
    await steps(key, times=3)
    assert await key.books() == Books(20_000, PRICE, 1)


@pytest.mark.parametrize(("cost", "booked"), [(None, 0), (0, 0), (40_000, 40_000)])
async def test_a_failed_output_costs_what_was_charged_for_it(key: Holder, cost: int | None, booked: int) -> None:
    await key.create(n=2)
    key.bench.provider.on_submit = [Rejected("no", cost=cost)]
    key.bench.provider.on_poll = [Failed("moderation_blocked", "no", cost)]
    await steps(key, times=2)
    assert await key.books() == Books(2 * booked, 0, 0)


async def test_a_submission_that_is_flagged_keeps_its_reservation_until_it_is_found(key: Holder) -> None:
    await give_up(key)
    assert await key.books() == Books(0, PRICE, 0)
    provider = key.bench.provider
    assert isinstance(provider, Finding)
    provider.found, provider.on_poll = {"id": "up-found"}, [made(key, 60_000)]
    await key.bench.clean_up()
    assert await key.books() == Books(0, PRICE, 1)
    await steps(key, times=3)
    assert await key.books() == Books(60_000, 0, 0)


async def give_up(key: Holder) -> str:
    """Have a submission's answer lost, and the output given up as submission_unknown."""
    video_id = (await key.create()).video.row.id
    key.bench.provider.on_submit = [Indeterminate("read timeout")]
    await steps(key, seconds=601)
    await steps(key)
    (output,) = await key.outputs(video_id)
    assert output.error_code == "submission_unknown"
    return video_id


@pytest.mark.parametrize(
    ("said", "books"),
    [(Resolution("charged", cost=80_000), Books(80_000, 0, 0)), (Resolution("not_charged"), Books(0, 0, 0))],
)
async def test_an_operator_settles_what_is_flagged(key: Holder, said: Resolution, books: Books) -> None:
    await give_up(key)
    bench = key.bench
    for _ in range(3):
        await bench.clean_up()
        bench.clock.now += 90_000
    assert await key.books() == Books(0, PRICE, 0), "nobody looks for it any more, and it may still be charged"
    service = Submissions(bench.database, {"fal": bench.provider}, bench.clock, 3600)
    (flagged,), _ = await service.list_page(Page())
    for _ in range(2):
        await service.resolve(flagged.row.id, said, "an operator")
        assert await key.books() == books


async def test_a_cancelled_job_that_costs_nothing_gives_everything_back(key: Holder) -> None:
    video_id = (await key.create()).video.row.id
    await steps(key)
    await key.bench.videos.cancel(key.key, video_id)
    assert await key.books() == Books(0, PRICE, 0), "it may still be charged"
    await key.bench.clean_up()
    assert await key.books() == Books(0, 0, 0)


@pytest.mark.parametrize(("cost", "booked"), [(60_000, 60_000), (None, PRICE)])
async def test_a_cancelled_job_that_ends_upstream_all_the_same_is_booked_once(
    key: Holder, cost: int | None, booked: int
) -> None:
    video_id = (await key.create()).video.row.id
    await steps(key)
    key.bench.provider.cancels = False
    key.bench.provider.on_poll = [Pending(50), made(key, cost), made(key, cost)]
    await key.bench.videos.cancel(key.key, video_id)
    await key.bench.clean_up()
    assert await key.books() == Books(0, PRICE, 0)
    key.bench.clock.now += 3600
    await key.bench.clean_up()
    assert await key.books() == Books(booked, 0, 0)
    await key.bench.videos.delete(key.key, video_id)
    await key.bench.clean_up()
    assert await key.books() == Books(booked, 0, 0), "the cleanup of a deleted video asks again"


@pytest.mark.parametrize("cost", [PRICE, PRICE // 2])
async def test_a_job_that_was_cancelled_when_it_was_made_already_is_booked_at_once_and_once(
    key: Holder, cost: int
) -> None:
    video_id = (await key.create()).video.row.id
    key.bench.provider.cancels = False
    key.bench.provider.on_poll = [made(key, cost)] * 2
    await steps(key, times=2)
    await key.bench.videos.cancel(key.key, video_id)
    assert await key.books() == Books(cost, PRICE - cost, 0)
    await key.bench.clean_up()
    assert await key.books() == Books(cost, 0, 0)


async def test_a_deleted_job_that_ends_upstream_is_booked_by_its_estimate(key: Holder) -> None:
    video_id = (await key.create()).video.row.id
    await steps(key)
    key.bench.provider.cancels = False
    key.bench.provider.on_poll = [made(key, None)]
    await key.bench.videos.delete(key.key, video_id)
    await key.bench.clean_up()
    assert await key.books() == Books(PRICE, 0, 0)


async def test_a_deleted_video_stays_booked(key: Holder) -> None:
    video_id = (await key.create()).video.row.id
    (output,) = await key.outputs(video_id)
    key.bench.provider.on_poll = [made(key, 60_000)]
    await steps(key, times=3)
    await key.bench.videos.delete(key.key, video_id)
    await key.bench.clean_up()
    assert await key.books() == Books(60_000, 0, 0)
    await key.bench.database.write(partial(settle, output_id=output.id, now=key.bench.clock()))
    assert await key.books() == Books(60_000, 0, 0), "settling is for every change, and changes nothing twice"


async def test_a_job_cancelled_while_it_is_sent_gives_back_when_it_is_refused(key: Holder) -> None:
    video_id = (await key.create()).video.row.id
    bench = key.bench

    async def refuse(_order: object) -> None:
        await bench.videos.cancel(key.key, video_id)
        await bench.clean_up()
        assert await key.books() == Books(0, PRICE, 0), "it may have been taken"
        raise Rejected("no such style")

    bench.provider.submit = refuse  # type: ignore[assignment, method-assign]
    await bench.step()
    assert await key.books() == Books(0, 0, 0)


async def test_a_job_that_timed_out_is_booked_when_it_ends_upstream(key: Holder) -> None:
    await key.create()
    await steps(key, seconds=4000)
    key.bench.provider.cancels = False
    key.bench.provider.on_poll = [Pending(50), Pending(50), Failed("provider_error", "no", 45_000)]
    await steps(key)
    assert await key.books() == Books(0, PRICE, 0)
    for _ in range(2):
        await key.bench.clean_up()
        key.bench.clock.now += 3600
    assert await key.books() == Books(45_000, 0, 0)


async def test_the_dearest_offer_is_reserved_and_the_one_that_was_taken_is_booked(tmp_path: Path) -> None:
    async with open_bench(tmp_path / "two", Scripted("local"), Scripted("fal")) as bench:
        key = await holder(bench)
        await key.create()
        assert await key.books() == Books(0, PRICE, 1)
        bench.provider.on_poll = [made(key, None)]
        await steps(key, times=3)
        assert await key.books() == Books(0, 0, 0), "a local render costs nothing"


async def test_an_owner_without_limits_has_a_ledger_too(bench: Bench) -> None:
    key = await holder(bench, Limits())
    await key.create(n=2)
    bench.provider.on_poll = [made(key, 60_000)] * 2
    await steps(key, times=3)
    assert await key.books() == Books(120_000, 0, 0)


async def test_what_does_not_fit_is_refused_and_leaves_nothing(key: Holder) -> None:
    await key.create(n=8)
    with pytest.raises(
        GatewayError, match=r"^This costs \$0\.15; \$0\.10 of .* \$0\.50 is left \(\$0\.40 is"
    ) as refusal:
        await key.create(n=3)
    assert refusal.value.code == "budget_exceeded"
    assert await key.books() == Books(0, 8 * PRICE, 8)
    await key.create(n=2)
    assert await key.books() == Books(0, 10 * PRICE, 10)
    assert len(await key.bench.store.names("videos")) == 0


async def test_a_repeated_request_reserves_nothing(key: Holder) -> None:
    first, *others = await asyncio.gather(*(key.create(idempotency_key="once", n=10) for _ in range(5)))
    assert {each.video.row.id for each in others} == {first.video.row.id}
    assert await key.books() == Books(0, 10 * PRICE, 10)


async def test_what_has_no_price_is_refused_under_a_budget_unless_the_key_allows_it(tmp_path: Path) -> None:
    async with open_bench(tmp_path / "one", Scripted("aimlapi")) as bench:
        key = await holder(bench)
        with pytest.raises(GatewayError, match=r"has a budget, and the price of aimlapi/.* is not known") as refusal:
            await key.create()
        assert refusal.value.code == "permission_denied"
        bold = await holder(bench, Limits(budget=PRICE, allow_unpriced=True))
        first = await bold.create()
        assert await bold.shortfall(first) is None
        assert await bold.books() == Books(0, 0, 1)
        bench.provider.on_poll = [made(bold, PRICE)]
        await steps(bold, times=3)
        assert await bold.books() == Books(PRICE, 0, 0)
        with pytest.raises(GatewayError, match=r"This costs \$0\.\d+; \$0\.00 of") as refused:
            await bold.create()
        assert await bold.shortfall(first) == refused.value.message


async def test_under_a_budget_a_failover_goes_only_where_there_is_a_price(tmp_path: Path) -> None:
    async with open_bench(tmp_path / "two", Scripted("aimlapi"), Scripted("fal")) as bench:
        key = await holder(bench)
        created = await key.create()
        assert [offer["provider"] for offer in created.video.row.order["offers"]] == ["fal"]  # type: ignore[index, union-attr, call-overload]


async def test_a_budget_per_day_begins_anew_at_midnight_of_utc_but_for_what_is_under_way(bench: Bench) -> None:
    bench.clock.now = 1_800_057_600.0 - 1000  # before midnight
    key = await holder(bench, Limits(budget=2 * PRICE, period="day"))
    bench.provider.on_poll = [made(key, PRICE), Pending(1)]
    await key.create()
    await key.create()
    await steps(key, times=3, seconds=30)
    assert await key.books() == Books(PRICE, PRICE, 1)
    with pytest.raises(GatewayError, match=r"for this day .* A new day begins at 2027-01-16T00:00Z"):
        await key.create()
    bench.clock.now = 1_800_057_600.0
    await key.create()
    with pytest.raises(GatewayError, match=r"\$0\.10 for this day is left"):
        await key.create()
    assert await key.books() == Books(PRICE, 2 * PRICE, 2)


async def test_more_outputs_than_places_are_refused_until_some_have_ended(bench: Bench) -> None:
    key = await holder(bench, Limits(max_concurrent=2))
    with pytest.raises(GatewayError, match="may have 2 output") as never:
        await key.create(n=3)
    assert never.value.code == "invalid_value"
    await key.create()
    with pytest.raises(GatewayError) as busy:
        await key.create(n=2)
    assert (busy.value.code, busy.value.retry_after) == ("concurrency_limit_exceeded", 5)
    bench.provider.on_poll = [Failed("provider_error", "no")]
    await steps(key, times=2)
    await key.create(n=2)
    assert (await key.books()).in_flight == 2
