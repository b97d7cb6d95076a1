"""The event door of compliance: claims enter the ledger, due follow-ups are judged, slots age or come back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from services.compliance import claims, instruments, store
from services.compliance.domain.inputs import Past
from services.compliance.domain.records import DecisionRecord, decided, record_as_bytes
from services.compliance.domain.rules import RuleTable, UnreadableRules
from services.compliance.domain.verdicts import Block, Clear, Defer, Evidence, Reason
from services.compliance.judgement import Circumstances, announcement, inputs_of, is_marketing_to_a_gift, policy_of
from services.compliance.store import Person
from services.compliance.tables import decisions, ground
from shared.bus import parked
from shared.bus.router import Router
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Fault
from shared.events.consent import ConsentReported
from shared.events.dispatch import DispatchAccepted, DispatchFailed
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import (
    FollowUpCancelled,
    FollowUpDue,
    FollowUpEvent,
    FollowUpExpired,
    FollowUpLapsed,
)
from shared.events.trigger import Contact
from shared.failpoints import failpoint
from shared.privacy import Sealer
from shared.telemetry.logs import logger

log = logger(__name__)

_WORDS = {Clear: "send", Defer: "defer", Block: "block"}


@dataclass(frozen=True, slots=True)
class GateDesk:
    """What judging needs besides the events."""

    clock: Clock
    sealer: Sealer
    merchants: MerchantDirectory
    rules: Callable[[], RuleTable | UnreadableRules]
    history_days: int


def router(desk: GateDesk) -> Router:
    """Return the handlers of compliance."""
    door = Router()

    @door.on(ConsentReported)
    async def enter(reports: Sequence[ConsentReported], uow: UnitOfWork) -> None:
        """Enter claims into the ledger; a repeat is the same entry."""
        await claims.record(reports, uow)

    @door.on(FollowUpDue)
    async def judge(dues: Sequence[FollowUpDue], uow: UnitOfWork) -> None:
        """Judge due follow-ups, keep each verdict as evidence, reserve cap slots, say what comes next."""
        await _judge(desk, dues, uow)

    @door.on(FollowUpLapsed, FollowUpCancelled, FollowUpExpired)
    async def give_back(events: Sequence[FollowUpEvent], uow: UnitOfWork) -> None:
        """Return the slots of texts that will not go on this clearance."""
        returned = await store.give_back(uow.db, [event.follow_up_id for event in events])
        instruments.SLOTS_RETURNED.labels("not_sent").inc(returned)

    @door.on(DispatchFailed)
    async def failed(events: Sequence[DispatchFailed], uow: UnitOfWork) -> None:
        """Return the slots of texts the provider never took; one it took counts as sent."""
        refused = [event.follow_up_id for event in events if not event.accepted]
        instruments.SLOTS_RETURNED.labels("refused").inc(await store.give_back(uow.db, refused))

    @door.on(DispatchAccepted)
    async def accepted(events: Sequence[DispatchAccepted], uow: UnitOfWork) -> None:
        """Let slots age from acceptance, and remember that these people were texted."""
        await store.accepted(uow.db, {event.follow_up_id: event.occurred_at for event in events})
        people = await store.people(uow.db, [event.recipient_id for event in events])
        first = {
            event.recipient_id: replace(
                people.get(event.recipient_id) or Person(event.merchant_id), texted_at=event.occurred_at
            )
            for event in events
            if event.recipient_id not in people or people[event.recipient_id].texted_at is None
        }
        await store.save_people(uow.db, first, uow.now)

    @door.on(ReplyReceived)
    async def replied(replies: Sequence[ReplyReceived], uow: UnitOfWork) -> None:
        """Hold marketing to people whose reply nobody could read for sure."""
        unclear = {reply.recipient_id: reply for reply in replies if reply.needs_review}
        people = await store.people(uow.db, list(unclear))
        held = {
            recipient: replace(people.get(recipient) or Person(reply.merchant_id), needs_review=True)
            for recipient, reply in unclear.items()
        }
        await store.save_people(uow.db, held, uow.now)

    return door


async def _judge(desk: GateDesk, dues: Sequence[FollowUpDue], uow: UnitOfWork) -> None:
    """Load for all, judge one by one, write for all."""
    recipients = [due.recipient_id for due in dues]
    people = await store.people(uow.db, recipients, lock=True)
    histories = await store.histories(uow.db, recipients, uow.now, desk.history_days)
    reports = [report for due in dues for report in due.consent_reports]
    entered = await store.known_entries(uow.db, reports)
    held = await parked.recipients(uow.db, ground, recipients)
    rules = desk.rules()
    lag = not desk.clock.is_trustworthy()
    slots = []
    for due in dues:
        person = people.get(due.recipient_id) or Person(due.merchant_id)
        past = [each for key, each in histories.get(due.recipient_id, ()) if key != due.follow_up_id]
        circumstances = Circumstances(
            awaiting_consent=not entered.issuperset(due.consent_reports),
            parked=due.recipient_id in held,
            consent_lag=lag,
        )
        record = _record(desk, due, person, past, circumstances, rules, uow)
        if record is None:
            continue
        verdict = record.verdict
        word = _WORDS[type(verdict)]
        uow.insert_later(decisions, _row(due, record, word, uow))
        if isinstance(verdict, Clear):
            slots.append(
                {
                    "follow_up_id": due.follow_up_id,
                    "recipient_id": due.recipient_id,
                    "merchant_id": due.merchant_id,
                    "purpose": due.purpose.value,
                    "reserved_at": uow.now,
                }
            )
        uow.publish(announcement(due, verdict, first_contact=person.texted_at is None, now=uow.now))
        instruments.VERDICTS.labels(word, verdict.reason.value, due.purpose.value).inc()
    await store.reserve(uow.db, slots)
    failpoint("compliance.after_verdict")


def _record(
    desk: GateDesk,
    due: FollowUpDue,
    person: Person,
    past: Sequence[Past],
    circumstances: Circumstances,
    rules: RuleTable | UnreadableRules,
    uow: UnitOfWork,
) -> DecisionRecord | None:
    """Return the verdict with its inputs; None where the event cannot be judged and was set aside."""
    merchant = desk.merchants.get(due.merchant_id)
    if merchant is None:
        uow.set_aside(due, f"merchant {due.merchant_id} is not in the merchants folder")
        return None
    try:
        contact = Contact.model_validate_json(desk.sealer.open(due.merchant_id, due.content.contact))
    except (Fault, ValidationError) as problem:
        uow.set_aside(due, f"the sealed contact cannot be read: {type(problem).__name__}")
        return None
    policy = policy_of(merchant.config.policies)
    inputs = inputs_of(due, contact, person, past, circumstances, policy, uow.now)
    record = decided(inputs, rules)
    if is_marketing_to_a_gift(due, contact) and not isinstance(record.verdict, Block):
        sentence = "The only number known is that of a shipping address, which may be another person's."
        return replace(record, verdict=Block(Reason.CONSENT_INSUFFICIENT, Evidence(sentence)))
    return record


def _row(due: FollowUpDue, record: DecisionRecord, word: str, uow: UnitOfWork) -> dict[str, object]:
    """Return the row of a verdict."""
    return {
        "follow_up_id": due.follow_up_id,
        "release": due.release,
        "merchant_id": due.merchant_id,
        "recipient_id": due.recipient_id,
        "decision": word,
        "reason": record.verdict.reason.value,
        "rules_version": record.rules_version,
        "record": record_as_bytes(record),
        "decided_at": uow.now,
    }
