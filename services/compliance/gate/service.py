"""Due follow-ups at the gate: load what is needed for all of them, judge each, write for all of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from pydantic import ValidationError

from services.compliance import instruments
from services.compliance import store as recipients
from services.compliance.caps import slot_store
from services.compliance.caps.limit_service import LimitCandidate, LimitService
from services.compliance.caps.slot_store import Slot
from services.compliance.connectors.ports import NumberFindings, Registers
from services.compliance.gate import store
from services.compliance.gate.announcement import announcement
from services.compliance.gate.assembly import GateCircumstances, inputs_of, policy_of
from services.compliance.gate.inputs import HistoryItem, Limit, Policy
from services.compliance.gate.records import DecisionRecord, decision_record
from services.compliance.gate.verdicts import DECISION_OF, Clear, Verdict
from services.compliance.preferences import store as preferences
from services.compliance.preferences.preference import NO_PREFERENCE, Preference
from services.compliance.store import RecipientState
from shared import aad
from shared.bus.read_progress import ReadProgress, UnreadEvents, UnreadReason
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Fault
from shared.events.follow_up import FollowUpDue, Purpose
from shared.events.trigger import Contact
from shared.failpoints import failpoint
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId
from shared.phone import E164, former_spellings
from shared.privacy import Sealer
from shared.rules.table import RuleTable, UnreadableRules
from shared.vocabulary.purposes import ANSWER_PURPOSES

_Judged: TypeAlias = tuple[LimitCandidate, DecisionRecord]


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

    def circumstances(self, due: FollowUpDue, number: NumberFindings) -> GateCircumstances:
        """Return what holds one follow-up back besides consent, hours and caps."""
        wait = self.unread.why_waits(due.recipient_id)
        return GateCircumstances(
            reports_missing=not self.reports.issuperset(due.consent_reports),
            parked=due.recipient_id in self.set_aside,
            consent_lag=not self.is_clock_trustworthy or wait is UnreadReason.UNREAD,
            source_lag=wait is UnreadReason.SOURCE_LAG,
            preference=self.preferences.get(due.recipient_id, NO_PREFERENCE),
            number=number,
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
    registers: Registers = field(default_factory=Registers)

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
            policy = loaded.policies.get(due.merchant_id)
            contact = self._contact(due, policy, uow)
            if policy is None or contact is None:
                continue
            number = E164(contact.phone)
            person = await self._with_former_spellings(due.merchant_id, people[due.recipient_id], number, uow.db)
            history = [item for key, item in loaded.histories.get(due.recipient_id, ()) if key != due.follow_up_id]
            circumstances = loaded.circumstances(due, self.registers.findings(number))
            inputs = inputs_of(due, contact, person, history, circumstances, policy, uow.now)
            judged.append((LimitCandidate(due, person, number, bool(history)), decision_record(inputs, loaded.rules)))
        judged = await self._within_limits(judged, loaded.rules, uow)
        await _keep(judged, uow)
        failpoint("compliance.after_verdict")

    async def _load(self, dues: Sequence[FollowUpDue], uow: UnitOfWork) -> _Loaded:
        """Read what the tables hold about a batch."""
        who = [due.recipient_id for due in dues]
        return _Loaded(
            histories=await slot_store.histories(uow.db, who, uow.now, self.history_days),
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
                policies[key] = policy_of(merchant.config, is_closed=key in closed)
            elif key in closed:
                policies[key] = Policy(is_closed=True)
        return policies

    def _contact(self, due: FollowUpDue, policy: Policy | None, uow: UnitOfWork) -> Contact | None:
        """Return the contact of a follow-up; None where the event cannot be judged and was set aside."""
        if policy is None:
            uow.set_aside(due, f"merchant {due.merchant_id} is not in the merchants folder")
            return None
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
        uow.publish(announcement(candidate.due, record.verdict, first_contact=first_contact, now=uow.now))
    await store.save(uow.db, [(candidate.due, record) for candidate, record in judged], uow.now)
    clear = [candidate.due for candidate, record in judged if isinstance(record.verdict, Clear)]
    await slot_store.reserve(uow.db, [Slot.of(due, uow.now) for due in clear])
    _count((record.verdict, candidate.due.purpose) for candidate, record in judged)


def _count(verdicts: Iterable[tuple[Verdict, Purpose]]) -> None:
    """Count verdicts, each kind once a batch: finding a counter by its labels takes its time."""
    kinds = Counter((type(verdict), verdict.reason, purpose) for verdict, purpose in verdicts)
    for (verdict, reason, purpose), number in kinds.items():
        instruments.VERDICTS.labels(DECISION_OF[verdict], reason.value, purpose.value).inc(number)
