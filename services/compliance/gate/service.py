"""Due follow-ups before the gate: load for all, judge one by one, write for all."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from pydantic import ValidationError

from services.compliance import instruments, store
from services.compliance.caps import slots
from services.compliance.caps.limit_service import LimitCandidate, LimitService
from services.compliance.caps.slots import Slot
from services.compliance.connectors.ports import Registers
from services.compliance.gate.assembly import GateCircumstances, announcement, inputs_of, policy_of
from services.compliance.gate.inputs import Limit, Policy
from services.compliance.gate.records import DecisionRecord, RecordWriter, decided
from services.compliance.gate.verdicts import Block, Clear, Defer, Reason, Verdict
from services.compliance.preferences import store as preferences
from services.compliance.preferences.wishes import NO_WISH
from services.compliance.tables import decisions
from shared import aad
from shared.bus.read_progress import NewsWait, Unread
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Fault
from shared.events.follow_up import FollowUpDue, Purpose
from shared.events.trigger import Contact
from shared.failpoints import failpoint
from shared.ids import FollowUpId, MerchantId
from shared.phone import E164, former_spellings
from shared.privacy import Sealer
from shared.rules.table import RuleTable, UnreadableRules
from shared.vocabulary.purposes import ANSWER_PURPOSES

_Kind: TypeAlias = tuple[type[Verdict], Reason, Purpose]
_Judged: TypeAlias = tuple[LimitCandidate, DecisionRecord]
_WORDS: dict[type[Verdict], str] = {Clear: "send", Defer: "defer", Block: "block"}


@dataclass(frozen=True, slots=True)
class GateService:
    """What judging needs besides the events."""

    clock: Clock
    sealer: Sealer
    merchants: MerchantDirectory
    rules: Callable[[], RuleTable | UnreadableRules]
    history_days: int
    news: Callable[[UnitOfWork], Awaitable[Unread]]
    """About whom something is unread, as this unit leaves it (promise P4)."""
    limits: LimitService
    registers: Registers = field(default_factory=Registers)


async def judge(service: GateService, dues: Sequence[FollowUpDue], uow: UnitOfWork) -> None:
    """Judge due follow-ups, keep each verdict as evidence, reserve cap slots, say what comes next.

    A release that has its verdict gets no second one, nor does one that a later release has overtaken: what was said
    stays what the evidence shows. People are held meanwhile, strangers too: of two units that judge texts to one
    person at the same moment, the later one sees the verdicts and slots of the other.
    """
    people = await store.held_people(uow.db, {due.recipient_id: due.merchant_id for due in dues}, uow.now)
    newest = _newest(await store.judged_releases(uow.db, [due.follow_up_id for due in dues]))
    fresh = [due for due in dues if due.release > newest.get(due.follow_up_id, -1)]
    histories = await slots.histories(uow.db, [due.recipient_id for due in fresh], uow.now, service.history_days)
    entered = await store.known_entries(uow.db, [report for due in fresh for report in due.consent_reports])
    wishes = await preferences.wishes(uow.db, [due.recipient_id for due in fresh])
    policies = await _policies(service, {due.merchant_id for due in fresh}, uow)
    waiting = {event.recipient_id for event, _why in uow.set_aside_events}
    rules = service.rules()
    is_trustworthy = service.clock.is_trustworthy()
    news = await service.news(uow)
    writer, rows, reserved, kinds = RecordWriter(), [], [], Counter[_Kind]()
    judged: list[_Judged] = []
    for due in fresh:
        policy = policies.get(due.merchant_id)
        contact = _contact(service, due, policy, uow)
        if policy is None or contact is None:
            continue
        person = await _one_person(service, due.merchant_id, people[due.recipient_id], contact, uow.db)
        past = [text for key, text in histories.get(due.recipient_id, ()) if key != due.follow_up_id]
        late = news.why_waits(due.recipient_id)
        circumstances = GateCircumstances(
            reports_missing=not entered.issuperset(due.consent_reports),
            parked=due.recipient_id in waiting,
            consent_lag=not is_trustworthy or late is NewsWait.UNREAD,
            source_lag=late is NewsWait.SOURCE_LAG,
            wish=wishes.get(due.recipient_id, NO_WISH),
            number=service.registers.news(E164(contact.phone)),
        )
        record = decided(inputs_of(due, contact, person, past, circumstances, policy, uow.now), rules)
        judged.append((LimitCandidate(due, person, E164(contact.phone), bool(past)), record))
    for asked, record in await _within_limits(service, judged, rules, uow):
        due, verdict = asked.due, record.verdict
        uow.publish(announcement(due, verdict, first_contact=asked.person.texted_at is None, now=uow.now))
        rows.append(_row(due, record, writer, uow.now))
        if isinstance(verdict, Clear):
            reserved.append(Slot.of(due, uow.now))
        kinds[type(verdict), verdict.reason, due.purpose] += 1
    await uow.db.insert(decisions, rows)
    await slots.reserve(uow.db, reserved)
    _count(kinds)
    failpoint("compliance.after_verdict")


async def _within_limits(
    service: GateService, judged: Sequence[_Judged], rules: RuleTable | UnreadableRules, uow: UnitOfWork
) -> list[_Judged]:
    """Judge again, with the bound it met, each text that could go and has no room; answers to people always have."""
    clear = [
        asked
        for asked, record in judged
        if isinstance(record.verdict, Clear) and record.inputs.message.purpose not in ANSWER_PURPOSES
    ]
    waits = await service.limits.waits(uow, clear) if clear else {}
    return [
        (asked, record if (limit := waits.get(asked.due.follow_up_id)) is None else _limited(record, limit, rules))
        for asked, record in judged
    ]


def _limited(record: DecisionRecord, limit: Limit, rules: RuleTable | UnreadableRules) -> DecisionRecord:
    recipient = replace(record.inputs.recipient, limit=limit)
    return decided(replace(record.inputs, recipient=recipient), rules)


async def _one_person(
    service: GateService, merchant: MerchantId, person: store.RecipientState, contact: Contact, db: Transaction
) -> store.RecipientState:
    """Return the person a text is for, with an opt-out that stands under a former spelling of their number."""
    former = [service.sealer.recipient_id(merchant, each) for each in former_spellings(E164(contact.phone))]
    if not former or person.standing.suppression is not None:
        return person
    for other in (await store.people(db, former)).values():
        if other.standing.suppression is not None or other.standing.marketing.revoked_at is not None:
            return person._replace(standing=other.standing)
    return person


def _newest(releases: set[tuple[FollowUpId, int]]) -> dict[FollowUpId, int]:
    """Return the newest judged release of each follow-up."""
    newest: dict[FollowUpId, int] = {}
    for follow_up, release in releases:
        newest[follow_up] = max(release, newest.get(follow_up, release))
    return newest


async def _policies(service: GateService, merchants: set[MerchantId], uow: UnitOfWork) -> dict[MerchantId, Policy]:
    """Return each merchant's policy; a merchant that is neither in the folder nor closed has none."""
    closed = await store.closed(uow.db, sorted(merchants))
    found = {}
    for each in merchants:
        merchant = service.merchants.get(each)
        if merchant is not None:
            found[each] = policy_of(merchant.config, is_closed=each in closed)
        elif each in closed:
            found[each] = Policy(is_closed=True)
    return found


def _contact(service: GateService, due: FollowUpDue, policy: Policy | None, uow: UnitOfWork) -> Contact | None:
    """Return whom a text is for; None where the event cannot be judged and was set aside."""
    if policy is None:
        uow.set_aside(due, f"merchant {due.merchant_id} is not in the merchants folder")
        return None
    try:
        return Contact.model_validate_json(
            service.sealer.open(due.merchant_id, aad.contact(due.recipient_id), due.content.contact)
        )
    except (Fault, ValidationError) as problem:
        uow.set_aside(due, f"the sealed contact cannot be read: {type(problem).__name__}")
        return None


def _row(due: FollowUpDue, record: DecisionRecord, writer: RecordWriter, now: datetime) -> dict[str, object]:
    """Return the row of a verdict."""
    return {
        "follow_up_id": due.follow_up_id,
        "release": due.release,
        "merchant_id": due.merchant_id,
        "recipient_id": due.recipient_id,
        "decision": _WORDS[type(record.verdict)],
        "reason": record.verdict.reason.value,
        "rules_version": record.rules_version,
        "record": writer.as_bytes(record),
        "decided_at": now,
    }


def _count(kinds: Mapping[_Kind, int]) -> None:
    """Count verdicts, each kind once a batch: finding a counter by its labels takes its time."""
    for (verdict, reason, purpose), number in kinds.items():
        instruments.VERDICTS.labels(_WORDS[verdict], reason.value, purpose.value).inc(number)
