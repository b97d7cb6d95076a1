"""Due follow-ups at the gate: load what is needed for all of them, judge each, write for all of them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias, assert_never

from pydantic import ValidationError

from services.compliance import instruments
from services.compliance import store as recipients
from services.compliance.caps import store as caps
from services.compliance.caps.limit_service import LimitCandidate, LimitService
from services.compliance.caps.store import Slot
from services.compliance.connectors.registers import NumberFindings, Registers
from services.compliance.gate import store
from services.compliance.gate.inputs import (
    TEXT_OF,
    Consent,
    HistoryItem,
    JudgedText,
    Limit,
    PastKind,
    Policy,
    Recipient,
)
from services.compliance.gate.records import DecisionInputs, DecisionRecord, decision_record, postal_prefix
from services.compliance.gate.verdicts import DECISION_OF, Block, Clear, Defer, Verdict
from services.compliance.preferences import store as preferences
from services.compliance.preferences.store import FEWER, NO_PREFERENCE, Preference
from services.compliance.store import RecipientState
from shared import aad, ids
from shared.bus.read_progress import ReadProgress, UnreadEvents, UnreadReason
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Fault
from shared.events.follow_up import (
    FollowUpBlocked,
    FollowUpCleared,
    FollowUpDeferred,
    FollowUpDue,
    FollowUpEvent,
    Purpose,
)
from shared.events.trigger import Contact, PhoneProvenance
from shared.failpoints import failpoint
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId
from shared.phone import E164, former_spellings
from shared.privacy import Sealer
from shared.rules.numbers import facts_of_e164
from shared.rules.places import KnownPlace
from shared.rules.table import RuleTable, UnreadableRules
from shared.vocabulary.purposes import ANSWER_PURPOSES

_Judged: TypeAlias = tuple[LimitCandidate, DecisionRecord]

_ANNOUNCED: Final[Mapping[type[Verdict], type[FollowUpEvent]]] = {
    Clear: FollowUpCleared,
    Defer: FollowUpDeferred,
    Block: FollowUpBlocked,
}


class _Loaded(NamedTuple):
    """What the tables hold about a batch, read once for all of it."""

    histories: Mapping[RecipientId, Sequence[tuple[FollowUpId, HistoryItem]]]
    reports: set[EventId]
    """Which of the consent reports the batch names are in the ledger."""
    preferences: Mapping[RecipientId, Preference]
    policies: Mapping[MerchantId, Policy]
    unread: UnreadEvents
    """Which people have events in the log that are not read yet."""
    set_aside: set[RecipientId]
    """People with an earlier event that failed and is parked."""
    is_clock_trustworthy: bool
    rules: RuleTable | UnreadableRules

    def inputs(
        self,
        due: FollowUpDue,
        contact: Contact,
        person: RecipientState,
        history: Sequence[HistoryItem],
        number: NumberFindings,
        now: datetime,
    ) -> DecisionInputs:
        """Return everything the gate looks at; of the number only facts about it, never the number itself.

        Of the history only texts of the same purpose matter, for caps and for answers.
        """
        consent = person.standing.consent_for(due.purpose, now)
        inbound = _inbound(due, person, now)
        wait = self.unread.why_waits(due.recipient_id)
        policy = self.policies[due.merchant_id]
        preference = self.preferences.get(due.recipient_id, NO_PREFERENCE)
        if preference.is_fewer:
            policy = replace(policy, marketing_caps=(*policy.marketing_caps, FEWER))
        are_reports_missing = not self.reports.issuperset(due.consent_reports)
        return DecisionInputs(
            message=JudgedText(due.purpose, due.first_due_at, due.expires_at),
            recipient=Recipient(
                number=facts_of_e164(E164(contact.phone)),
                known=KnownPlace(contact.time_zone, contact.state, postal_prefix(contact.postal_code), contact.country),
                line=number.line,
                suppressed=number.bars(due.purpose, consent),
                suppression=person.standing.suppression or number.suppression(consent),
                is_of_shipping=contact.provenance is PhoneProvenance.SHIPPING,
                awaiting_consent=are_reports_missing or _opt_out_not_recorded(due, consent),
                needs_review=person.review_since is not None,
                parked=due.recipient_id in self.set_aside,
                consent_lag=not self.is_clock_trustworthy or wait is UnreadReason.UNREAD,
                source_lag=wait is UnreadReason.SOURCE_LAG,
                paused_until=preference.paused_until,
            ),
            consent=consent,
            history=(
                *(item for item in history if item.kind is TEXT_OF[due.purpose]),
                *((inbound,) if inbound is not None else ()),
            ),
            now=now,
            policy=policy,
        )


@dataclass(frozen=True, slots=True)
class GateService:
    """Judges due follow-ups."""

    clock: Clock
    sealer: Sealer
    merchants: MerchantDirectory
    rules: Callable[[], RuleTable | UnreadableRules]
    history_days: int
    progress: ReadProgress
    """How far the log has been read when the unit of work commits (promise P4)."""
    limits: LimitService
    registers: Registers

    async def judge(self, dues: Sequence[FollowUpDue], uow: UnitOfWork) -> None:
        """Judge due follow-ups: keep each verdict as evidence, reserve cap slots, announce what comes next.

        A release that has its verdict, or that a later release has overtaken, is not judged again. All recipients,
        new ones too, are locked until the commit: if two units of work judge follow-ups of one person at the same
        time, the later one sees the verdicts and slots of the other.
        """
        people = await recipients.lock_people(uow.db, {due.recipient_id: due.merchant_id for due in dues}, uow.now)
        newest = await store.newest_releases(uow.db, [due.follow_up_id for due in dues])
        fresh = [due for due in dues if due.release > newest.get(due.follow_up_id, -1)]
        loaded = await self._load(fresh, uow)
        judged: list[_Judged] = []
        for due in fresh:
            if due.merchant_id not in loaded.policies:
                uow.set_aside(due, f"merchant {due.merchant_id} is not in the merchants folder")
                continue
            contact = self._contact(due, uow)
            if contact is None:
                continue
            number = E164(contact.phone)
            person = await self._with_former_spellings(due.merchant_id, people[due.recipient_id], number, uow.db)
            history = [item for key, item in loaded.histories.get(due.recipient_id, ()) if key != due.follow_up_id]
            inputs = loaded.inputs(due, contact, person, history, self.registers.findings(number), uow.now)
            judged.append((LimitCandidate(due, person, number, bool(history)), decision_record(inputs, loaded.rules)))
        judged = await self._within_limits(judged, loaded.rules, uow)
        await _keep(judged, uow)
        failpoint("compliance.after_verdict")

    async def _load(self, dues: Sequence[FollowUpDue], uow: UnitOfWork) -> _Loaded:
        """Read what the tables hold about a batch."""
        who = [due.recipient_id for due in dues]
        return _Loaded(
            histories=await caps.histories(uow.db, who, uow.now, self.history_days),
            reports=await recipients.known_entries(uow.db, [report for due in dues for report in due.consent_reports]),
            preferences=await preferences.chosen(uow.db, who),
            policies=await self._policies({due.merchant_id for due in dues}, uow),
            unread=await self.progress.unread(uow.db, uow.read),
            set_aside={event.recipient_id for event, _why in uow.set_aside_events},
            is_clock_trustworthy=self.clock.is_trustworthy(),
            rules=self.rules(),
        )

    async def _policies(self, merchants: set[MerchantId], uow: UnitOfWork) -> dict[MerchantId, Policy]:
        """Return each merchant's policy; a merchant that is neither in the folder nor closed has none."""
        closed = await recipients.closed(uow.db, sorted(merchants))
        policies = {}
        for key in merchants:
            merchant = self.merchants.get(key)
            if merchant is not None:
                policies[key] = Policy.of(merchant.config, is_closed=key in closed)
            elif key in closed:
                policies[key] = Policy(is_closed=True)
        return policies

    def _contact(self, due: FollowUpDue, uow: UnitOfWork) -> Contact | None:
        """Return the contact of a follow-up; None where it cannot be read, and the event was set aside."""
        try:
            return Contact.model_validate_json(
                self.sealer.open(due.merchant_id, aad.contact(due.recipient_id), due.content.contact)
            )
        except (Fault, ValidationError) as problem:
            uow.set_aside(due, f"the sealed contact cannot be read: {type(problem).__name__}")
            return None

    async def _with_former_spellings(
        self, merchant: MerchantId, person: RecipientState, number: E164, db: Transaction
    ) -> RecipientState:
        """Return a person with the opt-out, if any, that was recorded under a former spelling of their number."""
        former = [self.sealer.recipient_id(merchant, spelling) for spelling in former_spellings(number)]
        if not former or person.standing.suppression is not None:
            return person
        for other in (await recipients.people(db, former)).values():
            if other.standing.suppression is not None or other.standing.marketing.revoked_at is not None:
                return person._replace(standing=other.standing)
        return person

    async def _within_limits(
        self, judged: Sequence[_Judged], rules: RuleTable | UnreadableRules, uow: UnitOfWork
    ) -> list[_Judged]:
        """Judge those that are clear but exceed a limit of the merchant again, with that limit; answers have none."""
        clear = [
            candidate
            for candidate, record in judged
            if isinstance(record.verdict, Clear) and record.inputs.message.purpose not in ANSWER_PURPOSES
        ]
        waits = await self.limits.waits(uow, clear) if clear else {}
        return [
            (candidate, _limited(record, waits.get(candidate.due.follow_up_id), rules)) for candidate, record in judged
        ]


def _inbound(due: FollowUpDue, person: RecipientState, now: datetime) -> HistoryItem | None:
    """Return what the person wrote that this text answers; None where they wrote nothing, or opted out since.

    Of a reply the scheduler may know before this service has read it, and this service of a later one than that which
    the text was asked for: the newest counts. An opt-out of any kind of text ends the talk before it.
    """
    if due.purpose is Purpose.HELP:
        return HistoryItem(min(due.inbound_at, now), PastKind.INBOUND_HELP) if due.inbound_at is not None else None
    if due.purpose is not Purpose.CONVERSATION:
        return None
    replied_at = max(filter(None, (due.inbound_at, person.replied_at)), default=None)
    standing = person.standing
    withdrawn_at = max(filter(None, (standing.marketing.revoked_at, standing.informational.revoked_at)), default=None)
    if replied_at is None or (withdrawn_at is not None and replied_at <= withdrawn_at):
        return None
    return HistoryItem(min(replied_at, now), PastKind.INBOUND_REPLY)


def _opt_out_not_recorded(due: FollowUpDue, consent: Consent) -> bool:
    """Return whether the opt-out this text would confirm is not in the ledger yet; the two arrive independently."""
    if due.purpose is not Purpose.OPT_OUT_CONFIRMATION or due.inbound_at is None:
        return False
    return consent.revoked_at is None or consent.revoked_at < due.inbound_at


def _limited(record: DecisionRecord, limit: Limit | None, rules: RuleTable | UnreadableRules) -> DecisionRecord:
    """Return the record of a verdict under a limit; the same record without one."""
    if limit is None:
        return record
    recipient = replace(record.inputs.recipient, limit=limit)
    return decision_record(replace(record.inputs, recipient=recipient), rules)


async def _keep(judged: Sequence[_Judged], uow: UnitOfWork) -> None:
    """Announce verdicts, keep them as evidence, and reserve the cap slots of those that are clear."""
    for candidate, record in judged:
        first_contact = candidate.person.texted_at is None
        uow.publish(_announcement(candidate.due, record.verdict, first_contact=first_contact, now=uow.now))
    await store.save(uow.db, [(candidate.due, record) for candidate, record in judged], uow.now)
    clear = [candidate.due for candidate, record in judged if isinstance(record.verdict, Clear)]
    await caps.reserve(uow.db, [Slot.of(due, uow.now) for due in clear])
    _count(judged)


def _announcement(
    due: FollowUpDue, verdict: Verdict, *, first_contact: bool, now: datetime
) -> FollowUpCleared | FollowUpDeferred | FollowUpBlocked:
    """Return the event that announces a verdict; its id is the same however often the due event is read."""
    kind = _ANNOUNCED[type(verdict)]
    common = {
        "event_id": EventId(ids.derived(kind.type, due.follow_up_id, due.release, at=due.due_at)),
        "merchant_id": due.merchant_id,
        "recipient_id": due.recipient_id,
        "occurred_at": now,
        "correlation_id": due.correlation_id,
        "follow_up_id": due.follow_up_id,
        "enrollment_id": due.enrollment_id,
        "flow": due.flow,
        "flow_version": due.flow_version,
        "step": due.step,
        "purpose": due.purpose,
        "release": due.release,
        "explanation": verdict.evidence.explanation,
        "rules": tuple(rule.id for rule in verdict.evidence.rules if rule.skipped is None),
    }
    match verdict:
        case Clear():
            return FollowUpCleared(
                **common,
                valid_until=verdict.valid_until,
                window_closes_at=verdict.window_closes_at,
                expires_at=due.expires_at,
                sender_number=due.sender_number,
                subject=due.subject,
                content=due.content,
                policy=due.policy,
                first_due_at=due.first_due_at,
                first_contact=first_contact,
            )
        case Defer():
            return FollowUpDeferred(**common, until=verdict.until, reason=verdict.reason)
        case Block():
            return FollowUpBlocked(**common, reason=verdict.reason)
        case _:
            assert_never(verdict)


def _count(judged: Sequence[_Judged]) -> None:
    """Count verdicts, each kind once a batch: finding a counter by its labels takes its time."""
    verdicts = [(record.verdict, candidate.due.purpose) for candidate, record in judged]
    for fact, number in Counter(fact for verdict, _purpose in verdicts for fact in verdict.evidence.ignored).items():
        instruments.IGNORED_FACTS.labels(fact).inc(number)
    kinds = Counter((type(verdict), verdict.reason, purpose) for verdict, purpose in verdicts)
    for (verdict, reason, purpose), number in kinds.items():
        instruments.VERDICTS.labels(DECISION_OF[verdict], reason.value, purpose.value).inc(number)
