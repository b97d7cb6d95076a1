"""`/v1/standings/{recipient_id}`: what the ledger holds about a person, asked by id; their opt-out, and their links."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.compliance import store
from services.compliance.consents.answers import LedgerAnswer
from services.compliance.consents.bodies import ConsentBody, GivenConsentBody, OneLine
from services.compliance.consents.service import ConsentService, refuse_reserved_origin, standing_answer
from services.compliance.preferences.links import PreferenceLinks
from services.compliance.store import ChainedEntry, RecipientState
from shared.db.transaction import Transaction
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, SuppressionCause
from shared.http.auth import Caller, requires
from shared.http.problems import not_found
from shared.http.quota import Quotas, QuotaUsage
from shared.http.strict_json import StrictRoute
from shared.ids import RecipientId

_PATH: Final = "/v1/standings/{recipient_id}"
_MOST_ENTRIES: Final = 100

Reader = Annotated[Caller, Depends(requires("consents:read"))]
Writer = Annotated[Caller, Depends(requires("consents:write"))]


class OptOutBody(BaseModel):
    """Why somebody opts a person out: they asked by telephone, in the shop, by mail."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "she asked by phone", "scope": "all"}]},
    )

    scope: Literal["all", "marketing"] = "all"
    never_again: Literal["wrong_person", "complaint"] | None = Field(
        None,
        description="The number is somebody else's, or they complained: it is never written to again, whatever anybody "
        "agrees to later.",
    )
    reason: OneLine

    @model_validator(mode="after")
    def _is_about_all(self) -> Self:
        if self.never_again is not None and self.scope != "all":
            raise ValueError("never_again is about all texts: leave scope out")
        return self


class LedgerEntryAnswer(BaseModel):
    """One entry of the ledger; what proves it stays sealed."""

    entry_id: UUID
    act: str
    scope: str
    level: str
    recorded_at: datetime
    captured_at: datetime | None
    expires_at: datetime | None
    method: str
    source: str
    is_by_the_person: bool
    has_disclosure: bool
    has_evidence: bool

    @classmethod
    def of(cls, chained: ChainedEntry) -> "LedgerEntryAnswer":
        """Return an entry as it is shown."""
        entry = chained.entry
        return cls(
            entry_id=entry.entry_id,
            act=entry.act,
            scope=entry.scope,
            level=entry.level,
            recorded_at=entry.recorded_at,
            captured_at=entry.captured_at,
            expires_at=entry.expires_at,
            method=entry.method,
            source=entry.source,
            is_by_the_person=entry.is_by_the_person,
            has_disclosure=entry.disclosure_sha256 is not None,
            has_evidence=chained.evidence is not None,
        )


class RevokedLinksAnswer(BaseModel):
    """Links made until then open no page any more."""

    recipient_id: UUID
    revoked_at: datetime


class PersonStandingAnswer(BaseModel):
    """What the ledger holds about a person, and what it adds up to."""

    recipient_id: UUID
    consents: dict[str, Any]
    suppressed: str | None
    needs_review: bool
    preferences_url: str
    entries: list[LedgerEntryAnswer]
    """The newest 100, newest first."""


def create_router(service: ConsentService, links: PreferenceLinks, quotas: Quotas) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["consent"], route_class=StrictRoute)
    standings = StandingEndpoints(service, links, quotas)
    router.get(_PATH, summary="Show what the ledger holds about a person, by recipient id")(standings.show)
    router.post(f"{_PATH}/opt-out", response_model=LedgerAnswer, summary="Opt a person out, by recipient id")(
        standings.opt_out
    )
    router.post(
        f"{_PATH}/consent",
        status_code=HTTPStatus.CREATED,
        response_model=LedgerAnswer,
        summary="Record a consent that the shop witnessed, by recipient id",
        responses={
            409: {"description": "It would not count: they opted out themselves or later, or must never be written to"},
            429: {"description": "Over a quota"},
        },
    )(standings.record_consent)
    router.post(
        f"{_PATH}/preference-links/revoke", summary="Revoke every preference link of a person, by recipient id"
    )(standings.revoke_links)
    return router


@dataclass(frozen=True, slots=True)
class StandingEndpoints:
    """Answers for people of the caller's merchant."""

    service: ConsentService
    links: PreferenceLinks
    quotas: Quotas

    async def show(self, recipient_id: UUID, caller: Reader) -> PersonStandingAnswer:
        """Show a person's consents for each purpose, and the entries that they follow from."""
        key, now = RecipientId(recipient_id), self.service.units.clock.now()

        async def work(db: Transaction) -> tuple[RecipientState | None, list[ChainedEntry]]:
            person = (await store.people(db, [key])).get(key)
            return person, (await store.entries(db, [key])).get(key, [])

        person, entries = await self.service.units.read(work)
        if person is None or person.merchant_id != caller.merchant.id:
            raise not_found("this person")
        standing = standing_answer(person, now)
        return PersonStandingAnswer(
            recipient_id=recipient_id,
            consents=standing["consents"],
            suppressed=standing["suppressed"],
            needs_review=standing["needs_review"],
            preferences_url=self.links.url(caller.merchant.id, key, now),
            entries=[LedgerEntryAnswer.of(each) for each in reversed(entries[-_MOST_ENTRIES:])],
        )

    async def opt_out(self, recipient_id: UUID, body: OptOutBody, caller: Writer) -> Response:
        """Record a withdrawal that was received anywhere; it counts at once, and asking twice changes nothing more."""
        key = await self._known(recipient_id, caller)
        claim = ConsentBody(
            to=str(key),
            scope=ConsentScope(body.scope),
            event=ConsentAct.REVOKED,
            captured_at=self.service.units.clock.now(),
            evidence={"reason": body.reason},
        )
        cause = None if body.never_again is None else SuppressionCause(body.never_again)
        status, answer = await self.service.enter(caller, claim, None, HTTPStatus.OK, key, cause=cause)
        return JSONResponse(answer, status_code=status)

    async def record_consent(
        self, recipient_id: UUID, body: GivenConsentBody, request: Request, caller: Writer
    ) -> Response:
        """Record what a person agreed to before somebody of the shop; refused where it would not count.

        The same consent entered twice is one entry.
        """
        claim = ConsentBody(
            to=str(recipient_id),
            scope=body.scope,
            level=ConsentLevel(body.level),
            captured_at=body.captured_at,
            method=body.method,
            source=body.source,
            disclosure=body.disclosure,
            evidence=None if body.note is None else {"note": body.note},
        )
        refuse_reserved_origin(claim)
        self.quotas.take(caller, QuotaUsage(f"{_PATH}/consent", 1, len(await request.body())))
        key = await self._known(recipient_id, caller)
        status, answer = await self.service.enter(
            caller, claim, None, HTTPStatus.CREATED, key, refuse_where_it_does_not_count=True
        )
        return JSONResponse(answer, status_code=status)

    async def revoke_links(self, recipient_id: UUID, caller: Writer) -> RevokedLinksAnswer:
        """Revoke the links that others may have by now; the person's page opens by those made later."""
        key = await self._known(recipient_id, caller)
        return RevokedLinksAnswer(recipient_id=recipient_id, revoked_at=await self.service.revoke_links(caller, key))

    async def _known(self, recipient_id: UUID, caller: Caller) -> RecipientId:
        """Return the id of somebody the ledger knows.

        Raises:
            HTTPProblem: 404, this merchant has nobody of this id.
        """
        key = RecipientId(recipient_id)
        person = (await self.service.units.read(lambda db: store.people(db, [key]))).get(key)
        if person is None or person.merchant_id != caller.merchant.id:
            raise not_found("this person")
        return key
