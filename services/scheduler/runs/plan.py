"""A run that is about to begin: the flow version it keeps, and its texts, each with when it is due.

All texts of a run are planned when it begins, and each wait counts from the due time of the step before it. So the
number of plans equals the number of outcomes from the start, a dry run can show them all, and a cancelled run says of
each text that it was cancelled. Due times are read on the recipient's clock; a text may be over before it begins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal
from zoneinfo import ZoneInfo

from shared import ids, phone
from shared.config.directory import Merchant
from shared.config.flow import Flow, TextStep, WaitStep
from shared.config.merchant import Number, Policies, Registration
from shared.config.wait import due_after
from shared.events.follow_up import Purpose, ResendPolicy, SendPolicy
from shared.events.trigger import Contact, PhoneProvenance
from shared.ids import EnrollmentId, EventId, FollowUpId, RecipientId
from shared.phone import E164
from shared.templates.engine import ZONE
from shared.vocabulary.follow_up_states import FollowUpState

PAST_AFTER = timedelta(minutes=5)
"""A due time this long ago is past; webhooks arrive within seconds, so a text without a wait is not."""
_FIRST_VISIT = 1
"""A step is visited once, as long as flows have no loops."""
_NORTH_AMERICA = frozenset({"US", "CA"})


@dataclass(frozen=True, slots=True)
class PlannedText:
    """One text of a run, before it becomes a follow-up."""

    step: str
    purpose: Purpose
    due_at: datetime
    expires_at: datetime | None
    locale: str
    body: str
    policy: SendPolicy
    ends_as: tuple[FollowUpState, str] | None = None
    """The end and its reason, where it is over before it begins."""


@dataclass(frozen=True, slots=True)
class Version:
    """The flow version that a run begins with and keeps."""

    flow: str
    version: str
    content: str

    @classmethod
    def of_content(cls, flow: str, content: str) -> "Version":
        """Return the version of a built-in flow."""
        return cls(flow, sha256(content.encode()).hexdigest(), content)


@dataclass(frozen=True, slots=True)
class NewRun:
    """One recipient's run through a flow, about to begin."""

    merchant: Merchant
    recipient_id: RecipientId
    version: Version
    entry_key: str
    ordinal: int
    began_at: datetime
    """When its trigger happened; part of its identity."""
    texts: Sequence[PlannedText]
    zone: ZoneInfo
    sender_number: str
    contact: bytes
    facts: Mapping[str, Any]
    """The names its templates may read, and the zone their dates are written in."""
    correlation_id: str
    trigger_id: EventId | None = None
    subject: str | None = None
    consent_reports: tuple[EventId, ...] = ()
    inbound_at: datetime | None = None
    is_built_in: bool = False
    """Its entry is not stored, since no rule reads it (follow-ups of the API, answers)."""
    asked_by: str | None = None
    """The id of the API key that asked for it."""

    @property
    def enrollment_id(self) -> EnrollmentId:
        """The id of this run, derived from what makes it unique."""
        parts = (self.merchant.id, self.version.flow, self.recipient_id, self.entry_key, self.ordinal)
        return EnrollmentId(ids.derived("enrollment", *parts, at=self.began_at))


def planned(
    flow: Flow, began_at: datetime, now: datetime, zone: ZoneInfo, contact: Contact, defaults: "MerchantDefaults"
) -> list[PlannedText]:
    """Return every text of a run.

    Args:
        flow: the version the run begins with.
        began_at: when the trigger happened; the first wait begins there.
        now: the present, for due times that have passed (`if_past`).
        zone: the recipient's.
        contact: decides the locale, and whether the number may be another person's.
        defaults: what applies to all flows of the merchant.
    """
    texts = []
    due_at = began_at
    for step in flow.steps:
        match step:
            case WaitStep():
                due_at = due_after(step.wait, due_at, zone)
            case TextStep():
                texts.append(_text(step, flow, due_at, now, contact, defaults))
    return texts


@dataclass(frozen=True, slots=True)
class MerchantDefaults:
    """What applies to all flows of a merchant."""

    locale: str
    policies: Policies

    def policy(self, flow: Flow | None, resend: ResendPolicy) -> SendPolicy:
        """Return how a text is treated after the gate: the flow's terms, else the merchant's."""
        own = flow.attribution if flow else None
        ours = self.policies.attribution
        return _policy(
            resend,
            ours.click_days if own is None or own.click_days is None else own.click_days,
            ours.delivered_hours if own is None or own.delivered_hours is None else own.delivered_hours,
        )


@lru_cache(maxsize=256)
def _policy(resend: ResendPolicy, click_days: int, delivered_hours: int) -> SendPolicy:
    """Return the policy of these terms; all texts of a flow share one."""
    return SendPolicy(resend=resend, click_days=click_days, delivered_hours=delivered_hours)


def end_before_beginning(
    due_at: datetime,
    expires_at: datetime | None,
    now: datetime,
    if_past: Literal["send", "skip"],
    past_after: timedelta = PAST_AFTER,
) -> tuple[FollowUpState, str] | None:
    """Return the end of a text that is over when it is planned; None for any other."""
    if expires_at is not None and expires_at <= now:
        return FollowUpState.EXPIRED, "expire_after"
    if if_past == "skip" and due_at < now - past_after:
        return FollowUpState.EXPIRED, "past_due"
    return None


def sender_number(numbers: Sequence[Number], to: E164, recipient_id: RecipientId) -> Number | None:
    """Return the number this person is always written to from; None where the merchant has none.

    Among the numbers of the person's country, or among all where there is none, registered ones first. The choice
    moves for as few people as possible when the list changes (highest random weight).
    """
    if len(numbers) == 1:
        return numbers[0]
    country = phone.country_of(to)
    fitting = [number for number in numbers if _is_of(number, country)] or list(numbers)
    fitting = [number for number in fitting if number.registration is not Registration.UNREGISTERED] or fitting
    return max(fitting, key=lambda number: sha256(recipient_id.bytes + number.number.encode()).digest(), default=None)


def _is_of(number: Number, country: str | None) -> bool:
    """Return whether a number belongs to a country; None stands for the North American plan."""
    own = number.country or (phone.country_of(E164(number.number)) if number.number.startswith("+") else None)
    if country is None:
        return own in _NORTH_AMERICA or (own is None and number.number.startswith("+"))
    return own == country


def _text(
    step: TextStep, flow: Flow, due_at: datetime, now: datetime, contact: Contact, defaults: MerchantDefaults
) -> PlannedText:
    locale, body = step.body_for(contact.locale, defaults.locale)
    expires_at = None if step.expire_after is None else due_at + step.expire_after
    end = end_before_beginning(due_at, expires_at, now, step.if_past)
    if contact.provenance is PhoneProvenance.SHIPPING and step.purpose is Purpose.MARKETING:
        # A shipping number may be another person's: it never gets marketing.
        end = (FollowUpState.CANCELLED, "shipping_number")
    policy = defaults.policy(flow, step.resend_policy())
    return PlannedText(step.text, Purpose(step.purpose), due_at, expires_at, locale, body, policy, end)


def follow_up_id(enrollment: EnrollmentId, step: str, began_at: datetime) -> FollowUpId:
    """Return the id of a run's follow-up at a step, derived from what makes it unique."""
    return FollowUpId(ids.derived("follow-up", enrollment, step, _FIRST_VISIT, at=began_at))


def names_of(
    merchant: Merchant,
    trigger: Mapping[str, Any],
    recipient: Mapping[str, Any],
    history: Mapping[str, Any],
    zone: ZoneInfo,
) -> dict[str, Any]:
    """Return the names a template may read, and the zone its dates are written in."""
    return {
        "trigger": trigger,
        "recipient": recipient,
        "history": history,
        "merchant": {"brand": merchant.config.brand, "contact": merchant.config.contact},
        ZONE: zone.key,
    }
