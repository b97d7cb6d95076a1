"""The HTTP door of compliance: consents in, standings and verdicts out, the gate as advice."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Body, Depends, Header
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.compliance import claims, store
from services.compliance.advice import advise
from services.compliance.domain.evaluation import answer_of, rfc3339
from services.compliance.domain.inputs import Known, LineType, PastKind, Recipient
from services.compliance.domain.numbers import facts_of_e164
from services.compliance.domain.quiet_hours import SendingWindow
from services.compliance.domain.records import recompute
from services.compliance.domain.rule_files import load_rules
from services.compliance.domain.rules import UnreadableRules
from services.compliance.domain.setting import setting_of
from services.compliance.judgement import policy_of
from services.compliance.store import Decision, Person
from services.compliance.tables import ground
from shared import ids, phone
from shared.config.directory import Merchant
from shared.db.transaction import Lane
from shared.db.unit_of_work import UnitOfWork, Units
from shared.events.consent import ConsentAct, ConsentLevel, ConsentReported, ConsentScope
from shared.events.follow_up import Purpose
from shared.events.trigger import Contact
from shared.http.auth import Caller, requires
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.ids import EventId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer

_MAX_EVALUATIONS = 1000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConsentBody(_Body):
    """One act of consent, with the evidence that proves it."""

    to: str = Field(description="The number, E.164 or in the merchant's country's own form.")
    scope: ConsentScope
    event: ConsentAct = Field(ConsentAct.GRANTED, description="What happened.")
    level: ConsentLevel = ConsentLevel.UNKNOWN
    captured_at: AwareDatetime | None = Field(None, description="When; an undated grant never overturns an opt-out.")
    expires_at: AwareDatetime | None = None
    method: str = Field("api", min_length=1, max_length=60)
    disclosure: str | None = Field(None, max_length=10_000, description="The exact wording shown.")
    source: str = Field("api", min_length=1, max_length=500, description="Where: a form's address.")
    ip: str | None = Field(None, max_length=60)
    user_agent: str | None = Field(None, max_length=1000)
    evidence: dict[str, Any] | None = Field(None, description="Whatever else proves it; kept sealed.")


class RevocationBody(_Body):
    """One withdrawal, whoever received it (47 CFR 64.1200(a)(10): any reasonable means)."""

    to: str
    scope: Literal["all", "marketing"] = "all"
    reason: str = Field("request", min_length=1, max_length=500)
    revoked_at: AwareDatetime | None = None


class StandingBody(_Body):
    """Whose standing is asked for; a body, so that the number stays out of URLs."""

    to: str


@dataclass(frozen=True, slots=True)
class ConsentDesk:
    """What the routes need."""

    units: Units
    sealer: Sealer
    history_days: int

    def recipient(self, merchant: Merchant, raw: str) -> tuple[RecipientId, E164]:
        """Return who a number is.

        Raises:
            HTTPProblem: 422, the number cannot be read.
        """
        match phone.parse(raw, merchant.config.country):
            case phone.Unparsable(reason=reason):
                raise unprocessable("to", reason)
            case number:
                return self.sealer.recipient_id(merchant.id, number), number

    def claim(self, merchant: Merchant, body: ConsentBody, now: datetime) -> ConsentReported:
        """Return the claim a request makes; its evidence and contact sealed."""
        if body.captured_at is not None and body.captured_at > now:
            raise unprocessable("captured_at", "lies in the future")
        recipient, number = self.recipient(merchant, body.to)
        proof = {"disclosure": body.disclosure, "ip": body.ip, "user_agent": body.user_agent, "evidence": body.evidence}
        disclosed = hashlib.sha256(body.disclosure.encode()).hexdigest() if body.disclosure else None
        digest = hashlib.sha256(orjson.dumps(proof, option=orjson.OPT_SORT_KEYS)).hexdigest()
        at = body.captured_at or now
        parts = (merchant.id, recipient, body.source, body.scope, body.event, body.level, body.captured_at, digest)
        return ConsentReported(
            event_id=EventId(ids.derived("consent.reported", *parts, at=at)),
            merchant_id=merchant.id,
            recipient_id=recipient,
            occurred_at=now,
            correlation_id=str(ids.minted(now)),
            scope=body.scope,
            act=body.event,
            level=body.level,
            captured_at=body.captured_at,
            expires_at=body.expires_at,
            method=body.method,
            source=body.source,
            disclosure_sha256=disclosed,
            contact=self.sealer.seal(merchant.id, Contact(phone=number).model_dump_json().encode()),
            evidence=self.sealer.seal(merchant.id, orjson.dumps(proof)),
        )


def routes(desk: ConsentDesk) -> APIRouter:
    """Return the routes of compliance."""
    router = APIRouter(tags=["compliance"])

    @router.post("/v1/consents", status_code=HTTPStatus.CREATED, summary="Record consent with its evidence")
    async def record_consent(
        body: ConsentBody,
        caller: Annotated[Caller, Depends(requires("consents:write"))],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        keyed = Keyed.of(caller.merchant.id, idempotency_key, "/v1/consents", body.model_dump(mode="json"))
        return await _enter(desk, caller, body, keyed, HTTPStatus.CREATED)

    @router.post("/v1/consents/revoke", summary="Record a withdrawal, received anywhere")
    async def revoke_consent(
        body: RevocationBody, caller: Annotated[Caller, Depends(requires("consents:write"))]
    ) -> Response:
        now = desk.units.clock.now()
        claim = ConsentBody(
            to=body.to,
            scope=ConsentScope(body.scope),
            event=ConsentAct.REVOKED,
            captured_at=body.revoked_at or now,
            source="api",
            evidence={"reason": body.reason},
        )
        return await _enter(desk, caller, claim, None, HTTPStatus.OK)

    @router.post("/v1/recipients/standing", summary="What the ledger holds about a number")
    async def standing(
        body: StandingBody, caller: Annotated[Caller, Depends(requires("consents:read"))]
    ) -> dict[str, Any]:
        recipient, number = desk.recipient(caller.merchant, body.to)
        now = desk.units.clock.now()
        people = await desk.units.read(lambda db: store.people(db, [recipient]))
        history = await desk.units.read(lambda db: store.histories(db, [recipient], now, desk.history_days))
        person = people.get(recipient) or Person(caller.merchant.id)
        slots = [past for _key, past in history.get(recipient, ()) if past.kind is PastKind.MARKETING]
        return {
            "recipient_id": str(recipient),
            **_standing_answer(person, now),
            "marketing_texts": [rfc3339(past.at) for past in sorted(slots, key=lambda past: past.at)],
            **_clocks(caller.merchant, number, person, now),
        }

    @router.post("/v1/gate/evaluations", summary="Ask the gate without sending anything; one question or a list")
    async def evaluate(
        body: Annotated[dict[str, Any] | list[dict[str, Any]], Body()],
        _caller: Annotated[Caller, Depends(requires("gate:read"))],
    ) -> Response:
        questions = body if isinstance(body, list) else [body]
        if len(questions) > _MAX_EVALUATIONS:
            raise unprocessable("body", f"at most {_MAX_EVALUATIONS} questions at once")
        answers = [advise(question) for question in questions]
        for number, answer in enumerate(answers):
            if "error" in answer:
                raise unprocessable(f"{number}" if isinstance(body, list) else "body", answer["error"])
        return JSONResponse(answers if isinstance(body, list) else answers[0])

    @router.get("/v1/decisions/{follow_up_id}", summary="Every verdict on one follow-up, with its evidence")
    async def decisions(
        follow_up_id: UUID, caller: Annotated[Caller, Depends(requires("decisions:read"))]
    ) -> dict[str, Any]:
        found = await desk.units.read(lambda db: store.decisions_of(db, caller.merchant.id, follow_up_id))
        if not found:
            raise not_found("a verdict on this follow-up")
        return {"follow_up_id": str(follow_up_id), "decisions": [_decision_answer(each) for each in found]}

    return router


async def _enter(
    desk: ConsentDesk, caller: Caller, body: ConsentBody, keyed: Keyed | None, status: HTTPStatus
) -> Response:
    """Enter one claim into the ledger before the answer, so that what was acknowledged holds."""
    claim = desk.claim(caller.merchant, body, desk.units.clock.now())

    async def work(uow: UnitOfWork) -> tuple[int, Any]:
        before = await answered(uow.db, ground, keyed)
        if before is not None:
            return before
        changed = await claims.record([claim], uow)
        person = changed.get(claim.recipient_id)
        if person is None:
            person = (await store.people(uow.db, [claim.recipient_id]))[claim.recipient_id]
        answer = {
            "consent_id": str(claim.event_id),
            "recipient_id": str(claim.recipient_id),
            "recorded": bool(changed),
            **_standing_answer(person, uow.now),
        }
        await remember(uow, ground, keyed, status, answer)
        return status, answer

    lane = Lane.STOP if body.event is ConsentAct.REVOKED else Lane.INGEST
    given, answer = await desk.units.run(work, lane)
    return JSONResponse(answer, status_code=given)


def _standing_answer(person: Person, now: datetime) -> dict[str, Any]:
    """Return a standing as the API tells it."""
    standing = person.standing
    return {
        "consents": {
            "marketing": claims.scope_standing(standing.marketing.consent(now)).model_dump(mode="json"),
            "informational": claims.scope_standing(standing.informational.consent(now)).model_dump(mode="json"),
        },
        "suppressed": standing.suppression.value if standing.suppression else None,
        "needs_review": person.needs_review,
        "epoch": standing.epoch,
    }


def _clocks(merchant: Merchant, number: E164, person: Person, now: datetime) -> dict[str, Any]:
    """Return the person's local times as the number tells them, and the next instant marketing may go."""
    rules = load_rules()
    if isinstance(rules, UnreadableRules):
        raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, "rules_unreadable", "the quiet-hours table cannot be read")
    recipient = Recipient(number=facts_of_e164(number), known=Known(), line=LineType.UNKNOWN)
    consent = person.standing.consent_for(Purpose.MARKETING, now)
    policy = policy_of(merchant.config.policies)
    setting = setting_of(Purpose.MARKETING, recipient, consent, rules, policy)
    _rules, zones, _ignored = setting.findings(now)
    opening = _opening(setting.window, now)
    return {
        "local_times": [
            {"zone": each.zone, "local_time": each.local_time.isoformat(), "open": each.open} for each in zones
        ],
        "next_opening": rfc3339(opening) if opening else None,
    }


def _opening(window: SendingWindow, now: datetime) -> datetime | None:
    """Return when the window is open next, looking a week ahead."""
    week = 7 * 24 * 3600
    return window.next_opening(now, datetime.fromtimestamp(now.timestamp() + week, tz=now.tzinfo))


def _decision_answer(decision: Decision) -> dict[str, Any]:
    """Return one verdict in the words of the evaluation format, and whether judging its record again gives the same."""
    record = decision.record
    again = recompute(record, load_rules())
    return {
        "release": decision.release,
        "decided_at": rfc3339(decision.decided_at),
        **answer_of(record.verdict).model_dump(mode="json"),
        "rules_version": record.rules_version,
        "gate_version": record.gate_version,
        "recomputed": "identical" if again == record.verdict else "differs",
    }
