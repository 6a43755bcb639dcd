"""Submissions, for operators: which ones nobody knows the fate of, and what the operator found out about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.db import flagged, outputs, submissions
from app.domain.errors import GatewayError, invalid
from app.providers.base import Adopts, Failed
from app.providers.errors import ProviderError
from app.services.audit import audit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.flagged import Page, Submission
    from app.db.session import Database
    from app.domain.jobs import Operation
    from app.domain.resolutions import Resolution
    from app.providers.base import Provider

_STATES = {
    "not_charged": "it was resolved as not charged",
    "refused": "the provider refused it",
    "unsent": "it never left",
    "resent": "it was given up, and sent again",
}


@dataclass(frozen=True, slots=True)
class Submissions:
    """Lists and resolves submissions, whoever owns them. `job_timeout` is in seconds."""

    database: Database
    providers: Mapping[str, Provider]
    clock: Callable[[], float]
    job_timeout: float

    async def list_page(self, page: Page) -> tuple[list[Submission], bool]:
        """Return a page of submissions and whether more follow."""
        async with self.database.read() as session:
            return await flagged.list_page(session, page)

    async def get(self, submission_id: str) -> Submission:
        """Return one submission. Raises GatewayError not_found."""
        async with self.database.read() as session:
            return await _find(session, submission_id)

    async def resolve(self, submission_id: str, resolution: Resolution, by: str) -> Submission:
        """Act on what an operator says became of a flagged submission; saying the same again changes nothing.

        `by` is who says so, for the audit trail. Raises GatewayError: not_found; invalid_value where something else is
        known of it, or where the provider says otherwise; provider_unavailable where it does not confirm the job now.
        """
        if _known(await self.get(submission_id), resolution):
            return await self.get(submission_id)
        operation = await self._confirm(submission_id, resolution) if resolution.upstream_id else None

        async def work(session: AsyncSession) -> Submission | None:
            found = await _find(session, submission_id)
            await outputs.lock_video(session, found.video.id)
            found = await _find(session, submission_id)
            if _known(found, resolution):
                return None
            if operation is None:
                await flagged.close(session, found, resolution, self.clock())
            else:
                await self._adopt(session, found, operation)
            return found

        changed = await self.database.write(work, news="work")
        if changed:
            audit(
                "submission.resolve",
                who=by,
                target=submission_id,
                video=changed.video.id,
                output=changed.output.id,
                provider=changed.row.provider,
                outcome=resolution.outcome,
                upstream_id=resolution.upstream_id,
                cost=resolution.cost,
            )
        return await self.get(submission_id)

    async def _confirm(self, submission_id: str, resolution: Resolution) -> Operation:
        """Ask the provider whether it has the job: after a slip of the pen nobody could undo the resolution."""
        found, upstream_id = await self.get(submission_id), str(resolution.upstream_id)
        provider = self.providers.get(found.row.provider)
        if provider is None or not isinstance(provider, Adopts):
            raise invalid("outcome", f"{found.row.provider} is not in use, or has no jobs that can be taken over.")
        operation = provider.adopt(upstream_id, found.row.endpoint)
        try:
            answer = await provider.poll(operation)
        except ProviderError as error:
            message = f"{provider.title} does not confirm that it has the job {upstream_id!r}: {error}"
            raise GatewayError("provider_unavailable", message, param="upstream_id") from error
        if isinstance(answer, Failed):
            message = f"{provider.title} has nothing to take over as {upstream_id!r}: {answer.message}"
            raise invalid("upstream_id", f"{message}. Say what it cost: charged or not_charged.")
        return operation

    async def _adopt(self, session: AsyncSession, found: Submission, operation: Operation) -> None:
        """Take the job over, with as much time to end as a new one has."""
        provider, upstream_id = found.row.provider, str(operation["id"])
        await self.database.hold(session, f"adopt:{provider}:{upstream_id}")
        owner = await flagged.owner_of(session, provider, upstream_id)
        if owner is not None:
            raise invalid("upstream_id", f"The job {upstream_id!r} belongs to submission {owner} already.")
        now = self.clock()
        await flagged.extend(session, found, now + self.job_timeout)
        await submissions.accept(session, found.row.id, operation, now)


async def _find(session: AsyncSession, submission_id: str) -> Submission:
    found = await flagged.get(session, submission_id)
    if found is None:
        raise GatewayError("not_found", f"Submission {submission_id[:80]!r} not found.", param="submission_id")
    return found


def _known(found: Submission, resolution: Resolution) -> bool:
    """Say whether this was said before. Raises GatewayError where something else is known."""
    known = found.resolution
    if known == resolution:
        return True
    if not found.unknown:
        raise invalid("outcome", f"Submission {found.row.id} is not flagged: {_state(found)}.")
    return False


def _state(found: Submission) -> str:
    known = found.resolution
    match known.outcome if known else found.row.phase:
        case "accepted":
            return f"it was accepted, as {found.upstream_id!r}"
        case "charged":
            return f"it was resolved as charged, {found.row.cost} micro-dollars"
        case phase:
            return _STATES.get(phase, "its fate is still being looked for")
