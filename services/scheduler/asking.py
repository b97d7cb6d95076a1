"""Plans what is asked for over HTTP, once for each Idempotency-Key, or says what would be planned."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi.responses import JSONResponse

from services.scheduler import store
from services.scheduler.api_models import DryRunAnswer, FollowUpRequest, PlannedAnswer
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.runs.enrolment import Decline
from services.scheduler.runs.plan import NewRun
from services.scheduler.runs.request_validation import ValidRequest
from shared import ids
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import HTTPProblem
from shared.http.quota import QuotaUsage

_QUOTA_RETRY_SECONDS: Final = 60
"""When to ask again where the quota of pending follow-ups is used up."""
_QUOTA_PATH: Final = "/v1/follow-ups"
"""What is asked for by another path counts as asked for here."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers requests for follow-ups."""

    deps: SchedulerDependencies

    async def answer(
        self, caller: Caller, request: FollowUpRequest, key: str | None, path: str, size: int
    ) -> JSONResponse:
        """Plan a text, or a run of a flow, for one person; with `dry_run`, only say what would be planned.

        Args:
            caller: who asks, in the name of which merchant.
            request: what for.
            key: the Idempotency-Key, if there is one.
            path: that was asked; each has its own keys.
            size: of the body, in bytes.

        Raises:
            HTTPProblem: 409 the key was used with another body, or the flow does not start; 422 naming the field;
                429 over a quota.
        """
        now, units = self.deps.runtime.clock.now(), self.deps.units
        sealer = self.deps.runtime.sealer
        keyed = Keyed.of(caller.merchant.id, key, path, request.model_dump(mode="json"), sealer.keyed_hash)
        if keyed and (known := await units.read(lambda db: answered(db, self.deps.system_tables, keyed))) is not None:
            return JSONResponse(known[1], known[0])  # even where the same request would be refused by now
        self.deps.runtime.quotas.take(caller, QuotaUsage(_QUOTA_PATH, 1, size))
        entry_key = keyed.key_sha256.hex() if keyed else str(ids.minted(now))
        who_wrote = None
        if (recipient := request.recipient_id) is not None:
            find = partial(self.deps.requests.who_wrote, merchant=caller.merchant.id, recipient=recipient, now=now)
            who_wrote = await units.read(find)
        asked = self.deps.requests.validated(caller, request, entry_key, now, who_wrote)
        if request.dry_run:
            past = await units.read(partial(self.deps.requests.past, asked=asked, now=now, reading=True))
            previews = self.deps.requests.previews(asked, self.deps.requests.run(asked, past, now), past)
            dry = DryRunAnswer(due_at=previews[0].due_at, due_local=previews[0].due_local, texts=previews)
            return JSONResponse(dry.model_dump(mode="json"), HTTPStatus.ACCEPTED)
        status, answer = await units.run(partial(self._plan, asked=asked, keyed=keyed), WritePriority.INGEST)
        self.deps.waker.wake_at(now)
        return JSONResponse(answer, status)

    async def _plan(self, uow: UnitOfWork, *, asked: ValidRequest, keyed: Keyed | None) -> tuple[int, Any]:
        """Plan what was asked for, once for each Idempotency-Key, and return status and answer."""
        if (known := await answered(uow.db, self.deps.system_tables, keyed)) is not None:
            return known
        past = await self.deps.requests.past(uow.db, asked, uow.now)
        run = self.deps.requests.run(asked, past, uow.now)
        self.deps.requests.check_test(asked, run, past)
        await self._require_quota(uow, run)
        planned = await self.deps.planner.start(uow, [run])
        if not planned:
            # The same request may have been answered meanwhile, by another process or on another connection.
            if (known := await answered(uow.db, self.deps.system_tables, keyed)) is not None:
                return known
            raise HTTPProblem(HTTPStatus.CONFLICT, "not_enrolled", "the flow did not start: already_entered")
        first = planned[0]
        answer = PlannedAnswer(
            follow_up_id=first.id,
            state=first.state,
            due_at=first.due_at,
            due_local=first.due_at.astimezone(ZoneInfo(first.time_zone)).isoformat(),
            enrollment_id=first.enrollment_id,
            follow_ups=[follow_up.id for follow_up in planned],
        ).model_dump(mode="json")
        await remember(uow, self.deps.system_tables, keyed, HTTPStatus.ACCEPTED, answer)
        return HTTPStatus.ACCEPTED, answer

    async def _require_quota(self, uow: UnitOfWork, run: NewRun) -> None:
        """Check that the merchant may plan these follow-ups.

        Raises:
            HTTPProblem: 429, it has as many pending as its quota allows.
        """
        merchant, quotas = run.merchant, self.deps.runtime.quotas
        limit = quotas.pending_limit(merchant.config.quotas)
        pending = (await store.pending_of(uow.db, [merchant.id]))[merchant.id]
        if pending + len(run.texts) > limit:
            quotas.note_refused(merchant.id, _QUOTA_PATH, "pending")
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                Decline.PENDING_QUOTA,
                f"{pending} follow-ups are planned, and this merchant may have {limit}; wait until some have gone, or "
                "call off what is not wanted",
                headers={"Retry-After": str(_QUOTA_RETRY_SECONDS)},
            )
