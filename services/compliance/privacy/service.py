"""Requests by right: enter one, and return the certificate of an erasure or the copy of an export."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import orjson

from services.compliance import store
from services.compliance.consents.service import ConsentService
from services.compliance.privacy import store as requests
from services.compliance.privacy.responses import Copy, certificate_answer, listed
from services.compliance.privacy.store import Piece, Request
from shared import ids
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.chain import first_break
from shared.config.directory import Merchant
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import PrivacyRequested, PrivacyRight
from shared.http.auth import Caller
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import not_found
from shared.ids import EventId, RecipientId
from shared.privacy import Sealer

_ASKED: Final = {
    PrivacyRight.ERASURE: AuditAction.ERASURE_ASKED,
    PrivacyRight.EXPORT: AuditAction.EXPORT_ASKED,
}


@dataclass(frozen=True, slots=True)
class RightsService:
    """Enters and answers requests by right."""

    consents: ConsentService

    async def ask(self, caller: Caller, to: str, right: PrivacyRight, key: str | None) -> dict[str, Any]:
        """Enter a request and publish it; durable when this returns.

        Raises:
            HTTPProblem: 422, the number cannot be read; 409, the key was used with another body.
        """
        recipient, _number = self.consents.recipient(caller.merchant, to)
        return await self._enter(caller, recipient, right, key)

    async def ask_about(
        self, caller: Caller, recipient: RecipientId, right: PrivacyRight, key: str | None
    ) -> dict[str, Any]:
        """Enter a request about a person that the ledger knows, by recipient id.

        Raises:
            HTTPProblem: 404, this merchant has nobody of this id; 409, the key was used for another person.
        """
        person = (await self.consents.units.read(lambda db: store.people(db, [recipient]))).get(recipient)
        if person is None or person.merchant_id != caller.merchant.id:
            raise not_found("this person")
        return await self._enter(caller, recipient, right, key)

    async def _enter(
        self, caller: Caller, recipient: RecipientId, right: PrivacyRight, key: str | None
    ) -> dict[str, Any]:
        merchant = caller.merchant
        keyed_hash, system_tables = self.consents.sealer.keyed_hash, self.consents.system_tables
        keyed = Keyed.of(merchant.id, key, f"/v1/{right}", {"recipient": str(recipient)}, keyed_hash)

        async def work(uow: UnitOfWork) -> dict[str, Any]:
            before = await answered(uow.db, system_tables, keyed)
            if before is not None:
                return dict(before[1])
            request_id = EventId(ids.minted(uow.now))
            event = PrivacyRequested(
                event_id=request_id,
                merchant_id=merchant.id,
                recipient_id=recipient,
                occurred_at=uow.now,
                correlation_id=str(request_id),
                right=right,
                source="api",
            )
            asked = requests.request_of(event)
            await requests.remember(uow.db, [asked])
            uow.publish(event)
            subject = AuditSubject(AuditSubjectKind.REQUEST, str(request_id))
            deed = Deed(merchant.id, _ASKED[right], subject, recipient_id=recipient)
            self.consents.audit.record(uow, caller.actor, deed)
            answer = {**listed(asked), "state": "under_way"}
            await remember(uow, system_tables, keyed, HTTPStatus.ACCEPTED, answer)
            return answer

        return await self.consents.units.run(work, WritePriority.STOP)

    async def newest(self, merchant: Merchant, right: PrivacyRight) -> list[dict[str, Any]]:
        """Return a merchant's newest requests of a kind, those that platforms made included."""
        found = await self.consents.units.read(lambda db: requests.newest(db, merchant.id, right))
        return [listed(request) for request in found]

    async def erasure(self, merchant: Merchant, request_id: UUID) -> dict[str, Any]:
        """Return the certificate of an erasure.

        Raises:
            HTTPProblem: 404, this merchant has no such erasure.
        """
        now = self.consents.units.clock.now()

        async def work(db: Transaction) -> dict[str, Any]:
            request = await _request(db, merchant, request_id, PrivacyRight.ERASURE)
            certificates = await requests.certificates_of(db, request_id)
            chain = (await store.entries(db, [request.recipient_id])).get(request.recipient_id, [])
            holds = first_break((entry.canonical, entry.hash) for entry in chain) is None
            return certificate_answer(request, certificates, now, ledger_verifies=holds)

        return await self.consents.units.read(work)

    async def export(self, caller: Caller, request_id: UUID) -> tuple[Request, list[Copy]]:
        """Return a copy as far as it has been handed over; that it is read is in the audit log before.

        Raises:
            HTTPProblem: 404, this merchant has no such export.
        """
        merchant = caller.merchant

        async def work(db: Transaction) -> tuple[Request, list[Piece]]:
            request = await _request(db, merchant, request_id, PrivacyRight.EXPORT)
            return request, await requests.pieces(db, request_id)

        request, pieces = await self.consents.units.read(work)
        copies = copies_of(pieces, merchant, self.consents.sealer)
        if copies:
            await self._note_read(caller, request)
        return request, copies

    async def _note_read(self, caller: Caller, request: Request) -> None:
        subject = AuditSubject(AuditSubjectKind.REQUEST, str(request.request_id))
        deed = Deed(request.merchant_id, AuditAction.EXPORT_READ, subject, recipient_id=request.recipient_id)

        async def work(uow: UnitOfWork) -> None:
            self.consents.audit.record(uow, caller.actor, deed)

        await self.consents.units.run(work, WritePriority.BATCHES)


def copies_of(pieces: Sequence[Piece], merchant: Merchant, sealer: Sealer) -> list[Copy]:
    """Return the copies whose pieces are all here, unsealed."""
    copies = []
    ordered = sorted(pieces, key=lambda piece: (piece.service, piece.part))
    for service, own in groupby(ordered, key=lambda piece: piece.service):
        parts = list(own)
        if len(parts) == parts[0].parts:
            whole = b"".join(sealer.open(merchant.id, piece.place, piece.body) for piece in parts)
            copies.append(Copy(service, max(piece.handed_over_at for piece in parts), orjson.loads(whole)))
    return copies


async def _request(db: Transaction, merchant: Merchant, request_id: UUID, right: PrivacyRight) -> Request:
    found = await requests.request(db, merchant.id, request_id, right)
    if found is None:
        raise not_found(f"an {right} with this id")
    return found
