"""The routes of requests by right: ask for an erasure or a copy, and fetch the certificate or the copy."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse, Response

from services.compliance.consents.bodies import StandingBody
from services.compliance.privacy.answers import (
    CertificateAnswer,
    CopyAnswer,
    ErasuresAnswer,
    ExportsAnswer,
    RightsRequestTaken,
)
from services.compliance.privacy.responses import copy_answer, copy_table
from services.compliance.privacy.service import RightsService
from shared.events.consent import PrivacyRight
from shared.http.auth import Caller, requires
from shared.http.strict_json import StrictRoute
from shared.ids import RecipientId

Writer = Annotated[Caller, Depends(requires("rights:write"))]
Reader = Annotated[Caller, Depends(requires("rights:read"))]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


def create_router(service: RightsService) -> APIRouter:
    """Return the routes of requests by right."""
    router = APIRouter(tags=["rights"], route_class=StrictRoute)
    _add_erasures(router, service)
    _add_exports(router, service)
    return router


def _add_erasures(router: APIRouter, service: RightsService) -> None:
    @router.post(
        "/v1/erasures",
        status_code=HTTPStatus.ACCEPTED,
        response_model=RightsRequestTaken,
        summary="Forget a person, in every service",
    )
    async def erase(body: StandingBody, caller: Writer, idempotency_key: Key = None) -> Response:
        return _taken(await service.ask(caller, body.to, PrivacyRight.ERASURE, idempotency_key))

    @router.post(
        "/v1/standings/{recipient_id}/erasure",
        status_code=HTTPStatus.ACCEPTED,
        response_model=RightsRequestTaken,
        summary="Forget a person, in every service, by recipient id",
    )
    async def erase_by_id(recipient_id: UUID, caller: Writer, idempotency_key: Key = None) -> Response:
        return _taken(await service.ask_about(caller, RecipientId(recipient_id), PrivacyRight.ERASURE, idempotency_key))

    @router.get(
        "/v1/erasures",
        response_model=ErasuresAnswer,
        summary="List the newest erasures, those that platforms asked for included",
    )
    async def erasures(caller: Reader) -> Response:
        return JSONResponse({"erasures": await service.newest(caller.merchant, PrivacyRight.ERASURE)})

    @router.get(
        "/v1/erasures/{request_id}",
        response_model=CertificateAnswer,
        summary="Show the certificate: what was deleted where, by whom and when",
    )
    async def erasure(request_id: UUID, caller: Reader) -> Response:
        return JSONResponse(await service.erasure(caller.merchant, request_id))


def _add_exports(router: APIRouter, service: RightsService) -> None:
    @router.post(
        "/v1/exports",
        status_code=HTTPStatus.ACCEPTED,
        response_model=RightsRequestTaken,
        summary="Collect everything held about a person",
    )
    async def copy(body: StandingBody, caller: Writer, idempotency_key: Key = None) -> Response:
        return _taken(await service.ask(caller, body.to, PrivacyRight.EXPORT, idempotency_key))

    @router.post(
        "/v1/standings/{recipient_id}/export",
        status_code=HTTPStatus.ACCEPTED,
        response_model=RightsRequestTaken,
        summary="Collect everything held about a person, by recipient id",
    )
    async def copy_by_id(recipient_id: UUID, caller: Writer, idempotency_key: Key = None) -> Response:
        return _taken(await service.ask_about(caller, RecipientId(recipient_id), PrivacyRight.EXPORT, idempotency_key))

    @router.get(
        "/v1/exports",
        response_model=ExportsAnswer,
        summary="List the newest exports, those that platforms asked for included",
    )
    async def exports(caller: Reader) -> Response:
        return JSONResponse({"exports": await service.newest(caller.merchant, PrivacyRight.EXPORT)})

    @router.get(
        "/v1/exports/{request_id}",
        response_model=CopyAnswer,
        summary="Show the copy, as JSON or CSV (Accept: text/csv)",
    )
    async def export(request_id: UUID, caller: Reader, accept: Annotated[str, Header()] = "") -> Response:
        request, copies = await service.export(caller, request_id)
        answer = copy_answer(request, copies, service.consents.units.clock.now())
        private = {"Cache-Control": "no-store", "X-Export-State": answer["state"]}
        if "text/csv" in accept.lower():
            return Response(copy_table(copies), media_type="text/csv; charset=utf-8", headers=private)
        return JSONResponse(answer, headers=private)


def _taken(answer: dict[str, Any]) -> Response:
    return JSONResponse(answer, status_code=HTTPStatus.ACCEPTED)
