"""Consents over HTTP: what a caller claims is in the ledger before the caller gets an answer."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import orjson

from services.compliance import store
from services.compliance.caps import store as caps
from services.compliance.consents.bodies import ConsentBody
from services.compliance.gate.inputs import HistoryItem
from services.compliance.ledger import claims
from services.compliance.ledger.standing import Standing
from services.compliance.preferences import store as preferences
from services.compliance.store import RecipientState
from shared import aad, ids, phone
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.config.directory import Merchant
from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.events.consent import (
    ConsentAct,
    ConsentReported,
    ConsentScope,
    SuppressionCause,
    as_claimed,
    is_reserved,
)
from shared.http.auth import Caller
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import HTTPProblem, unprocessable
from shared.ids import EventId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer

_CLOCKS_MAY_DIFFER = timedelta(minutes=5)
"""A grant dated further in the future than this is refused; a nearer one is clock skew, and counts from now."""


@dataclass(frozen=True, slots=True)
class ConsentService:
    """Enters claims into the ledger, and reads what it holds about a person."""

    units: UnitOfWorkRunner
    sealer: Sealer
    system_tables: SystemTables
    history_days: int
    audit: AuditLog

    def recipient(self, merchant: Merchant, raw: str) -> tuple[RecipientId, E164]:
        """Return the recipient id of a number as it was written, and the number.

        Raises:
            HTTPProblem: 422, the number cannot be read.
        """
        match phone.parse(raw, merchant.config.country):
            case phone.Unparsable(reason=reason):
                raise unprocessable("to", reason)
            case number:
                return self.sealer.recipient_id(merchant.id, number), number

    def claim(
        self,
        merchant: Merchant,
        body: ConsentBody,
        now: datetime,
        known: RecipientId | None = None,
        cause: SuppressionCause | None = None,
    ) -> ConsentReported:
        """Return the claim a request makes, with its evidence sealed; `known` names the person instead of a number.

        With a `cause` the number is never written to again.

        Raises:
            HTTPProblem: 422, the number cannot be read, or a grant is dated in the future. An opt-out is never
                refused for its date: the ledger counts one dated in the future from now.
        """
        captured_at = claims.within_bounds(body.captured_at)
        is_ahead = captured_at is not None and captured_at > now + _CLOCKS_MAY_DIFFER
        if is_ahead and body.event is not ConsentAct.REVOKED:
            raise unprocessable("captured_at", "lies in the future")
        recipient = known if known is not None else self.recipient(merchant, body.to)[0]
        proof = {"disclosure": body.disclosure, "ip": body.ip, "user_agent": body.user_agent, "evidence": body.evidence}
        disclosed = hashlib.sha256(body.disclosure.encode()).hexdigest() if body.disclosure else None
        digest = hashlib.sha256(orjson.dumps(proof, option=orjson.OPT_SORT_KEYS)).hexdigest()
        method, source = as_claimed(body.method, body.source)
        parts = (merchant.id, recipient, body.source, body.scope, body.event, body.level, captured_at, digest)
        more = () if cause is None else (cause,)
        claim_id = EventId(ids.derived("consent.reported", *parts, *more, at=captured_at or now))
        return ConsentReported(
            event_id=claim_id,
            merchant_id=merchant.id,
            recipient_id=recipient,
            occurred_at=now,
            correlation_id=str(ids.minted(now)),
            scope=body.scope,
            act=body.event,
            level=body.level,
            captured_at=captured_at,
            expires_at=body.expires_at,
            method=method,
            source=source,
            disclosure_sha256=disclosed,
            cause=cause,
            evidence=self.sealer.seal(merchant.id, aad.evidence(claim_id), orjson.dumps(proof)),
        )

    async def enter(
        self,
        caller: Caller,
        body: ConsentBody,
        keyed: Keyed | None,
        status: int,
        known: RecipientId | None = None,
        *,
        cause: SuppressionCause | None = None,
        refuse_where_it_does_not_count: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        """Enter one claim into the ledger and return status and answer; whatever is answered is stored.

        A platform's grant after an opt-out is kept on record without counting; of somebody who enters it by hand it is
        refused, so that nobody believes it counts.

        Raises:
            HTTPProblem: 409, the key was used with another body, the person asked to be forgotten (an opt-out is
                taken all the same), or what is entered by hand does not count; 422, see `claim`.
        """
        claim = self.claim(caller.merchant, body, self.units.clock.now(), known, cause)

        async def work(uow: UnitOfWork) -> tuple[int, dict[str, Any]]:
            before = await answered(uow.db, self.system_tables, keyed)
            if before is not None:
                return before
            changed = await claims.record([claim], uow)
            # After the person's row is locked: an erasure that commits at this moment is seen here, or sees this claim.
            erased = await store.erased(uow.db, [claim.recipient_id])
            if erased and body.event is not ConsentAct.REVOKED:
                raise HTTPProblem(HTTPStatus.CONFLICT, "recipient_erased", "this person asked to be forgotten")
            if changed:
                self.audit.record(uow, caller.actor, _deed(claim, body))
            people = changed or await store.people(uow.db, [claim.recipient_id])
            if refuse_where_it_does_not_count:
                _refuse_what_does_not_count(people[claim.recipient_id].standing, body.scope)
            answer = {
                "consent_id": str(claim.event_id),
                "recipient_id": str(claim.recipient_id),
                "recorded": bool(changed),
                **standing_answer(people[claim.recipient_id], uow.now),
            }
            await remember(uow, self.system_tables, keyed, status, answer)
            return status, answer

        return await self.units.run(
            work, WritePriority.STOP if body.event is ConsentAct.REVOKED else WritePriority.INGEST
        )

    async def person(
        self, merchant: Merchant, recipient: RecipientId, now: datetime
    ) -> tuple[RecipientState, Sequence[HistoryItem]]:
        """Return what is held about a person, and the texts they were sent; an unknown person has an empty state."""

        async def work(db: Transaction) -> tuple[RecipientState | None, list[HistoryItem]]:
            people = await store.people(db, [recipient])
            history = await caps.histories(db, [recipient], now, self.history_days)
            return people.get(recipient), [past for _key, past in history.get(recipient, ())]

        found, history = await self.units.read(work)
        return found or RecipientState(merchant.id), history

    async def revoke_links(self, caller: Caller, recipient: RecipientId) -> datetime:
        """Revoke every preference link of a person that was made until now; return when."""
        now = self.units.clock.now()

        async def work(uow: UnitOfWork) -> None:
            await preferences.revoke_links(uow.db, caller.merchant.id, recipient, now)
            subject = AuditSubject(AuditSubjectKind.RECIPIENT, str(recipient))
            deed = Deed(caller.merchant.id, AuditAction.PREFERENCE_LINKS_REVOKED, subject, recipient_id=recipient)
            self.audit.record(uow, caller.actor, deed)

        await self.units.run(work, WritePriority.STOP)
        return now


def _refuse_what_does_not_count(standing: Standing, scope: ConsentScope) -> None:
    """Refuse a consent after which these texts are still withdrawn.

    Raises:
        HTTPProblem: 409, with what would have to happen.
    """
    if standing.suppression not in {None, SuppressionCause.OPT_OUT}:
        words = "this number must never be written to again, whatever is agreed"
        raise HTTPProblem(HTTPStatus.CONFLICT, "recipient_suppressed", words)
    concerned = {
        ConsentScope.MARKETING: (standing.marketing,),
        ConsentScope.INFORMATIONAL: (standing.informational,),
        ConsentScope.ALL: (standing.marketing, standing.informational),
    }[scope]
    if any(each.is_stopped for each in concerned):
        words = "they opted out themselves, and only they can undo it: by texting START, or on their preference page"
        raise HTTPProblem(HTTPStatus.CONFLICT, "recipient_opted_out", words)
    if any(each.revoked_at is not None for each in concerned):
        words = "they opted out after that; only what they agreed to since counts"
        raise HTTPProblem(HTTPStatus.CONFLICT, "recipient_opted_out", words)


def _deed(claim: ConsentReported, body: ConsentBody) -> Deed:
    """Return what was done, for the audit log: which fields were given, not what they held."""
    action = AuditAction.CONSENT_REVOKED if body.event is ConsentAct.REVOKED else AuditAction.CONSENT_RECORDED
    subject = AuditSubject(AuditSubjectKind.CONSENT, str(claim.event_id))
    return Deed(claim.merchant_id, action, subject, claim.recipient_id, tuple(sorted(body.model_fields_set)))


def refuse_reserved_origin(body: ConsentBody) -> None:
    """Refuse a permission that claims to come from our own channels; a withdrawal is taken whatever it claims.

    Raises:
        HTTPProblem: 422, method or source is reserved.
    """
    if body.event is not ConsentAct.REVOKED and is_reserved(body.method, body.source):
        field = "source" if is_reserved("", body.source) else "method"
        raise unprocessable(field, "is reserved for replies and the preference page; say how the person told you")


def standing_answer(person: RecipientState, now: datetime) -> dict[str, Any]:
    """Return a standing as the API shows it."""
    standing = person.standing
    return {
        "consents": {
            "marketing": claims.scope_standing(standing.marketing.consent(now)).model_dump(mode="json"),
            "informational": claims.scope_standing(standing.informational.consent(now)).model_dump(mode="json"),
        },
        "suppressed": standing.suppression.value if standing.suppression else None,
        "needs_review": person.review_since is not None,
        "epoch": standing.epoch,
    }
