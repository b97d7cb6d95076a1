"""The HTTP door of compliance: consents in, standings and verdicts out, the gate as advice."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from services.compliance import store
from services.compliance.consents.service import (
    ConsentBody,
    ConsentService,
    RevocationBody,
    StandingBody,
    must_not_pose_as_heard,
    standing_answer,
)
from services.compliance.gate.advice import advise
from services.compliance.gate.assembly import policy_of
from services.compliance.gate.evaluation import answer_of, rfc3339
from services.compliance.gate.inputs import HistoryItem, LineType, PastKind, Recipient
from services.compliance.gate.records import OtherVersion, recompute
from services.compliance.gate.setting import setting_of
from services.compliance.preferences import store as preferences
from services.compliance.preferences.links import PreferenceLinks
from services.compliance.store import RecipientState, StoredVerdict
from shared.config.directory import Merchant
from shared.db.transaction import WritePriority
from shared.events.consent import WITHDRAWALS, ConsentAct, ConsentScope
from shared.events.follow_up import Purpose
from shared.http.auth import Caller, requires
from shared.http.idempotency import Keyed
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.http.quota import Quotas, QuotaUsage
from shared.http.strict_json import StrictRoute
from shared.phone import E164
from shared.rule_files.loader import load_rules
from shared.rules.numbers import facts_of_e164
from shared.rules.table import UnreadableRules
from shared.worker_thread import in_worker_thread

_QUESTION_BYTES = 3_000
"""A question takes about as long to judge as so much of anything else to read."""
_MAX_EVALUATIONS = 1000
_DAY = timedelta(days=1)
_OUTLOOK = timedelta(days=7)
"""How far ahead the next opening is looked for."""


def routes(service: ConsentService, links: PreferenceLinks, quotas: Quotas) -> APIRouter:
    """Return the routes of compliance."""
    router = APIRouter(tags=["compliance"], route_class=StrictRoute)

    @router.post("/v1/consents", status_code=HTTPStatus.CREATED, summary="Record consent with its evidence")
    async def record_consent(
        body: ConsentBody,
        request: Request,
        caller: Annotated[Caller, Depends(requires("consents:write"))],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        must_not_pose_as_heard(body)
        permissions = int(body.event not in WITHDRAWALS)
        quotas.take(caller, QuotaUsage("/v1/consents", permissions, permissions * len(await request.body())))
        told = body.model_dump(mode="json")
        keyed = Keyed.of(caller.merchant.id, idempotency_key, "/v1/consents", told, service.sealer.keyed_hash)
        status, answer = await service.enter(caller.merchant, body, keyed, HTTPStatus.CREATED)
        return JSONResponse(answer, status_code=status)

    @router.post("/v1/consents/revoke", summary="Record a withdrawal, received anywhere")
    async def revoke_consent(
        body: RevocationBody, caller: Annotated[Caller, Depends(requires("consents:write"))]
    ) -> Response:
        claim = ConsentBody(
            to=body.to,
            scope=ConsentScope(body.scope),
            event=ConsentAct.REVOKED,
            captured_at=body.revoked_at or service.units.clock.now(),
            evidence={"reason": body.reason},
        )
        status, answer = await service.enter(caller.merchant, claim, None, HTTPStatus.OK)
        return JSONResponse(answer, status_code=status)

    @router.post("/v1/recipients/standing", summary="What the ledger holds about a number")
    async def standing(
        body: StandingBody, caller: Annotated[Caller, Depends(requires("consents:read"))]
    ) -> dict[str, Any]:
        recipient, number = service.recipient(caller.merchant, body.to)
        now = service.units.clock.now()
        person, history = await service.person(caller.merchant, recipient, now)
        return {
            "recipient_id": str(recipient),
            **standing_answer(person, now),
            **_texts(history, now),
            **_clocks(caller.merchant, number, person, now),
            "preferences_url": links.url(caller.merchant.id, recipient, now),
        }

    @router.post("/v1/recipients/preference-links/revoke", summary="Take back every preference link of a person")
    async def revoke_links(
        body: StandingBody, caller: Annotated[Caller, Depends(requires("consents:write"))]
    ) -> dict[str, Any]:
        recipient, _number = service.recipient(caller.merchant, body.to)
        now = service.units.clock.now()
        await service.units.run(
            lambda uow: preferences.revoke_links(uow.db, caller.merchant.id, recipient, now), WritePriority.STOP
        )
        return {"recipient_id": str(recipient), "revoked_at": rfc3339(now)}

    @router.post("/v1/gate/evaluations", summary="Ask the gate without sending anything; one question or a list")
    async def evaluate(
        body: Annotated[dict[str, Any] | list[dict[str, Any]], Body()],
        _caller: Annotated[Caller, Depends(requires("gate:read"))],
    ) -> Response:
        count = 1 if isinstance(body, dict) else len(body)
        return await in_worker_thread(lambda: JSONResponse(_advices(body)), count * _QUESTION_BYTES)

    @router.get("/v1/decisions/{follow_up_id}", summary="Every verdict on one follow-up, with its evidence")
    async def decisions(
        follow_up_id: UUID, caller: Annotated[Caller, Depends(requires("decisions:read"))]
    ) -> dict[str, Any]:
        found = await service.units.read(lambda db: store.decisions_of(db, caller.merchant.id, follow_up_id))
        if not found:
            raise not_found("a verdict on this follow-up")
        return {"follow_up_id": str(follow_up_id), "decisions": [_decision_answer(each) for each in found]}

    return router


def _advices(body: dict[str, Any] | list[dict[str, Any]]) -> Any:
    """Return the gate's answer to one question, or to each of a list; 422 where one cannot be read."""
    if isinstance(body, dict):
        return _advice(body, "body")
    if len(body) > _MAX_EVALUATIONS:
        raise unprocessable("body", f"at most {_MAX_EVALUATIONS} questions at once")
    return [_advice(question, str(number)) for number, question in enumerate(body)]


def _advice(question: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the gate's answer to one question; 422 for one it cannot read."""
    answer = advise(question)
    if "error" in answer:
        raise unprocessable(field, answer["error"])
    return answer


def _texts(history: Sequence[HistoryItem], now: datetime) -> dict[str, Any]:
    """Return the marketing texts that count, or did."""
    texts = sorted(past.at for past in history if past.kind is PastKind.MARKETING)
    return {"slots_used": sum(1 for at in texts if at > now - _DAY), "marketing_texts": [rfc3339(at) for at in texts]}


def _clocks(merchant: Merchant, number: E164, person: RecipientState, now: datetime) -> dict[str, Any]:
    """Return the person's local times as the number tells them, and the next instant marketing may go."""
    rules = load_rules()
    if isinstance(rules, UnreadableRules):
        raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, "rules_unreadable", "the quiet-hours table cannot be read")
    recipient = Recipient(number=facts_of_e164(number), line=LineType.UNKNOWN)
    consent = person.standing.consent_for(Purpose.MARKETING, now)
    setting = setting_of(Purpose.MARKETING, recipient, consent, rules, policy_of(merchant.config))
    opening = setting.window.next_opening(now, now + _OUTLOOK)
    return {
        "local_times": [
            {"zone": each.zone, "local_time": each.local_time.isoformat(), "open": each.open}
            for each in setting.at(now).zones
        ],
        "next_opening": rfc3339(opening) if opening else None,
    }


def _decision_answer(decision: StoredVerdict) -> dict[str, Any]:
    """Return one verdict in the words of the evaluation format, and whether judging its record again gives the same."""
    record = decision.record
    again = recompute(record, load_rules())
    told = "other_version" if isinstance(again, OtherVersion) else "identical" if again == record.verdict else "differs"
    return {
        "release": decision.release,
        "decided_at": rfc3339(decision.decided_at),
        **answer_of(record.verdict).model_dump(mode="json"),
        "rules_version": record.rules_version,
        "gate_version": record.gate_version,
        "recomputed": told,
    }
