"""The HTTP door of rights: ask for an erasure or a copy, and fetch the certificate or the copy."""

from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse, Response

from services.compliance import store
from services.compliance.consents.service import ConsentService, StandingBody
from services.compliance.ledger.entries import first_break
from services.compliance.privacy import store as rights_store
from services.compliance.privacy.answers import Copy, certificate_answer, copy_answer, copy_table, listed
from services.compliance.privacy.store import Piece, Request
from services.compliance.tables import system_tables
from shared import ids
from shared.config.directory import Merchant
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import PrivacyRequested, PrivacyRight
from shared.http.auth import Caller, requires
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import not_found
from shared.http.strict_json import StrictRoute
from shared.ids import EventId
from shared.privacy import Sealer

Writer = Annotated[Caller, Depends(requires("rights:write"))]
Reader = Annotated[Caller, Depends(requires("rights:read"))]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


@dataclass(frozen=True, slots=True)
class RightsService:
    """What the routes need."""

    consents: ConsentService
    sealer: Sealer

    async def ask(self, merchant: Merchant, to: str, right: PrivacyRight, key: str | None) -> dict[str, Any]:
        """Enter a request and tell the house; durable when this returns.

        Raises:
            HTTPProblem: 422, the number cannot be read; 409, the key was used with another body.
        """
        recipient, _number = self.consents.recipient(merchant, to)
        keyed = Keyed.of(merchant.id, key, f"/v1/{right}", {"recipient": str(recipient)}, self.sealer.keyed_hash)

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
            asked = rights_store.request_of(event)
            await rights_store.remember(uow.db, [asked])
            uow.publish(event)
            answer = {**listed(asked), "state": "under_way"}
            await remember(uow, system_tables, keyed, HTTPStatus.ACCEPTED, answer)
            return answer

        return await self.consents.units.run(work, WritePriority.STOP)

    async def erasure(self, merchant: Merchant, request_id: UUID) -> dict[str, Any]:
        """Return the certificate of an erasure.

        Raises:
            HTTPProblem: 404, this merchant has no such erasure.
        """
        now = self.consents.units.clock.now()

        async def work(db: Transaction) -> dict[str, Any]:
            request = await _request(db, merchant, request_id, PrivacyRight.ERASURE)
            certificates = await rights_store.certificates_of(db, request_id)
            chain = (await store.entries(db, [request.recipient_id])).get(request.recipient_id, [])
            holds = first_break((each.canonical, each.hash) for each in chain) is None
            return certificate_answer(request, certificates, now, ledger_verifies=holds)

        return await self.consents.units.read(work)

    async def export(self, merchant: Merchant, request_id: UUID) -> tuple[Request, list[Copy]]:
        """Return a copy as far as it has been handed over.

        Raises:
            HTTPProblem: 404, this merchant has no such export.
        """

        async def work(db: Transaction) -> tuple[Request, list[Piece]]:
            request = await _request(db, merchant, request_id, PrivacyRight.EXPORT)
            return request, await rights_store.pieces(db, request_id)

        request, pieces = await self.consents.units.read(work)
        return request, copies_of(pieces, merchant, self.sealer)


def copies_of(pieces: list[Piece], merchant: Merchant, sealer: Sealer) -> list[Copy]:
    """Return what services handed over completely, unsealed."""
    copies = []
    ordered = sorted(pieces, key=lambda piece: (piece.service, piece.part))
    for service, own in groupby(ordered, key=lambda piece: piece.service):
        parts = list(own)
        if len(parts) == parts[0].parts:
            whole = b"".join(sealer.open(merchant.id, piece.place, piece.body) for piece in parts)
            copies.append(Copy(service, max(piece.handed_over_at for piece in parts), orjson.loads(whole)))
    return copies


def routes(service: RightsService) -> APIRouter:
    """Return the routes of rights."""
    router = APIRouter(tags=["rights"], route_class=StrictRoute)
    units = service.consents.units

    async def newest(merchant: Merchant, right: PrivacyRight) -> list[dict[str, Any]]:
        found = await units.read(lambda db: rights_store.newest(db, merchant.id, right))
        return [listed(request) for request in found]

    @router.post("/v1/erasures", status_code=HTTPStatus.ACCEPTED, summary="Forget a person, in every service")
    async def erase(body: StandingBody, caller: Writer, idempotency_key: Key = None) -> dict[str, Any]:
        return await service.ask(caller.merchant, body.to, PrivacyRight.ERASURE, idempotency_key)

    @router.get("/v1/erasures", summary="The newest erasures, those that platforms asked for included")
    async def erasures(caller: Reader) -> dict[str, Any]:
        return {"erasures": await newest(caller.merchant, PrivacyRight.ERASURE)}

    @router.get("/v1/erasures/{request_id}", summary="The certificate: what was deleted where, by whom and when")
    async def erasure(request_id: UUID, caller: Reader) -> dict[str, Any]:
        return await service.erasure(caller.merchant, request_id)

    @router.post("/v1/exports", status_code=HTTPStatus.ACCEPTED, summary="Collect everything held about a person")
    async def copy(body: StandingBody, caller: Writer, idempotency_key: Key = None) -> dict[str, Any]:
        return await service.ask(caller.merchant, body.to, PrivacyRight.EXPORT, idempotency_key)

    @router.get("/v1/exports", summary="The newest exports, those that platforms asked for included")
    async def exports(caller: Reader) -> dict[str, Any]:
        return {"exports": await newest(caller.merchant, PrivacyRight.EXPORT)}

    @router.get("/v1/exports/{request_id}", summary="The copy, as JSON or CSV (Accept: text/csv)")
    async def export(request_id: UUID, caller: Reader, accept: Annotated[str, Header()] = "") -> Response:
        request, copies = await service.export(caller.merchant, request_id)
        answer = copy_answer(request, copies, units.clock.now())
        private = {"Cache-Control": "no-store", "X-Export-State": answer["state"]}
        if "text/csv" in accept.lower():
            return Response(copy_table(copies), media_type="text/csv; charset=utf-8", headers=private)
        return JSONResponse(answer, headers=private)

    return router


async def _request(db: Transaction, merchant: Merchant, request_id: UUID, right: PrivacyRight) -> Request:
    found = await rights_store.request(db, merchant.id, request_id, right)
    if found is None:
        raise not_found(f"an {right} with this id")
    return found
