"""Imports of consents: a batch of rows is one unit of work; a row that is known already changes nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.compliance import store
from services.compliance.consents.import_rows import RefusedRow, RowRefusal, read
from services.compliance.consents.service import ConsentService
from services.compliance.ledger import claims
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.config.directory import Merchant
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import WITHDRAWALS, ConsentAct, ConsentReported
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.http.quota import reworded
from shared.ids import RecipientId
from shared.worker_thread import in_worker_thread

_ROW_BYTES = 1_000
"""Reading one row takes about as long as reading this many bytes of JSON."""


@dataclass(frozen=True, slots=True)
class ImportService:
    """Imports batches."""

    consents: ConsentService

    async def take(
        self,
        caller: Caller,
        rows: Sequence[Mapping[str, Any]],
        refusal_of: Callable[[int], HTTPProblem | None] = lambda _permissions: None,
    ) -> dict[str, Any]:
        """Enter the rows that can be proven; return how many those were, and why the others were refused.

        `refusal_of` returns the problem when so many permissions exceed a quota; withdrawals never do.

        Raises:
            HTTPProblem: the permissions exceed a quota; the withdrawals among the rows are in the ledger.
        """
        wanted, refused = await self._wanted(caller, rows)
        merchant = caller.merchant
        permissions = sum(claim.act not in WITHDRAWALS for claim in wanted.values())
        problem = refusal_of(permissions) if permissions else None
        if problem is not None:
            wanted = {number: claim for number, claim in wanted.items() if claim.act in WITHDRAWALS}

        async def work(uow: UnitOfWork) -> Counter[str]:
            # Locked from here on: neither an erasure nor the same file in another request can interfere.
            await store.lock_people(uow.db, {claim.recipient_id: merchant.id for claim in wanted.values()}, uow.now)
            erased = await store.erased(uow.db, [claim.recipient_id for claim in wanted.values()])
            known = await store.known_entries(uow.db, [claim.event_id for claim in wanted.values()])
            taken, counts = _sorted(wanted, refused, erased, known)
            await claims.record([*taken.values()], uow)
            if taken:
                withdrawn = sum(claim.act in WITHDRAWALS for claim in taken.values())
                given = {"rows": len(rows), "recorded": len(taken), "withdrawals": withdrawn, "refused": len(refused)}
                subject = AuditSubject(AuditSubjectKind.MERCHANT, merchant.id)
                deed = Deed(merchant.id, AuditAction.CONSENTS_IMPORTED, subject, counts=given)
                self.consents.audit.record(uow, caller.actor, deed)
            return counts + Counter(recorded=len(taken))

        counts = await self.consents.units.run(work, WritePriority.BATCHES)
        if problem is not None:
            raise reworded(problem, f"{len(wanted)} rows withdraw and were taken; send the whole batch again")
        return _answer(counts, refused)

    async def tried(self, caller: Caller, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return what `take` would answer now, without entering anything; quotas are not asked."""
        wanted, refused = await self._wanted(caller, rows)

        async def read(db: Transaction) -> Counter[str]:
            erased = await store.erased(db, [claim.recipient_id for claim in wanted.values()])
            known = await store.known_entries(db, [claim.event_id for claim in wanted.values()])
            taken, counts = _sorted(wanted, refused, erased, known)
            return counts + Counter(recorded=len(taken))

        return _answer(await self.consents.units.read(read), refused)

    async def _wanted(
        self, caller: Caller, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[int, ConsentReported], dict[int, RefusedRow]]:
        merchant, now = caller.merchant, self.consents.units.clock.now()
        return await in_worker_thread(lambda: self._read(merchant, rows, now), len(rows) * _ROW_BYTES)

    def _read(
        self, merchant: Merchant, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> tuple[dict[int, ConsentReported], dict[int, RefusedRow]]:
        """Return what rows claim, and why others are refused, by their position."""
        wanted: dict[int, ConsentReported] = {}
        refused: dict[int, RefusedRow] = {}
        for number, row in enumerate(rows):
            claim = self._claim(merchant, row, now)
            if isinstance(claim, RefusedRow):
                refused[number] = claim
            else:
                wanted[number] = claim
        return wanted, refused

    def _claim(self, merchant: Merchant, row: Mapping[str, Any], now: datetime) -> ConsentReported | RefusedRow:
        body = read(row)
        if isinstance(body, RefusedRow):
            return body
        try:
            return self.consents.claim(merchant, body, now)
        except HTTPProblem as problem:
            field, reason = problem.errors[0].field, problem.errors[0].reason
            kind = RowRefusal.UNUSABLE_NUMBER if field == "to" else RowRefusal.INVALID
            return RefusedRow(kind, f"{field}: {reason}")


def _sorted(
    wanted: Mapping[int, ConsentReported],
    refused: dict[int, RefusedRow],
    erased: Collection[RecipientId],
    known: Collection[UUID],
) -> tuple[dict[UUID, ConsentReported], Counter[str]]:
    """Return what is new, once each, and how many are known; adds to `refused` those of people who were forgotten."""
    taken: dict[UUID, ConsentReported] = {}
    counts: Counter[str] = Counter()
    for number, claim in wanted.items():
        if claim.recipient_id in erased and claim.act is not ConsentAct.REVOKED:
            refused[number] = RefusedRow(RowRefusal.ERASED, "this person asked to be forgotten")
        elif claim.event_id in known or claim.event_id in taken:
            counts["repeated"] += 1
        else:
            taken[claim.event_id] = claim
    return taken, counts


def _answer(counts: Counter[str], refused: Mapping[int, RefusedRow]) -> dict[str, Any]:
    return {
        "recorded": counts["recorded"],
        "repeated": counts["repeated"],
        "refused": [
            {"row": number, "reason": each.reason.value, "detail": each.detail}
            for number, each in sorted(refused.items())
        ],
    }
