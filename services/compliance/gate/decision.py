"""The gate: may this text go to this person now? Pure and total; follows compliance section 1 row by row.

A permanent obstacle is named before a temporary one, with one exception: a consent that may still arrive is awaited
before its absence is judged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from services.compliance.caps.frequency import applicable_caps, next_room, text_times
from services.compliance.gate import wording
from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, LineType, PastKind, Policy, Recipient
from services.compliance.gate.setting import Moment, Setting, moment_of, setting_of
from services.compliance.gate.verdicts import Block, Clear, Defer, Evidence, Reason, Verdict
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.rules.quiet_hours import Aspect
from shared.rules.table import ConsentStatus, RuleTable, UnreadableRules
from shared.vocabulary.purposes import ANSWER_PURPOSES, NEWS_BOUND_PURPOSES

VERSION = "4"
"""Changes when the same inputs and rules may give another verdict, its explanation included."""

CLEARANCE = timedelta(minutes=10)
"""How long a clearance lasts at most (design section 9)."""
AWAIT_CONSENT = timedelta(seconds=60)
"""How long a text waits for the consent of its own checkout (design section 5), once all events have been read."""

_ASK_AGAIN = {
    Reason.AWAITING_CONSENT: timedelta(seconds=5),
    Reason.CONSENT_LAG: timedelta(seconds=30),
    Reason.SOURCE_LAG: timedelta(seconds=30),
    Reason.PARKED: timedelta(minutes=5),
    Reason.NEEDS_REVIEW: timedelta(hours=1),
}
_ANSWER_ASKS_AGAIN = timedelta(minutes=5)
_NO_CONSENT = frozenset({ConsentStatus.NONE, ConsentStatus.UNKNOWN})
_NEVER_TEXTED = frozenset({LineType.LANDLINE, LineType.TOLL_FREE, LineType.PREMIUM})


class _Case(NamedTuple):
    """One text at the gate, with everything a check may need."""

    message: JudgedText
    purpose: Purpose
    recipient: Recipient
    consent: Consent
    history: Sequence[HistoryItem]
    now: datetime
    rules: RuleTable
    policy: Policy
    setting: Setting
    moment: Moment
    least: timedelta
    """The shortest clearance that is given."""
    any_hour_until: datetime | None = None
    """Until then hours do not apply, because the person has just written; None: they always do."""

    def block(self, reason: Reason) -> Block:
        return Block(reason, _evidence(self.moment, wording.lasting(reason, self.setting.countries[0])))

    def defer(self, reason: Reason, until: datetime) -> Defer:
        return Defer(until, reason, _evidence_of_waiting(self.moment, reason, until, self.is_conversation))

    def clear(self, *ends: datetime | None) -> Clear:
        closes = self.closes_at
        valid_until = min(filter(None, (self.now + CLEARANCE, closes, self.message.expires_at, *ends)))
        is_prompt = not self.moment.is_open and self.is_any_hour
        return Clear(valid_until, closes, _evidence_of_clearance(self.moment, valid_until, is_prompt))

    @property
    def is_marketing(self) -> bool:
        return self.purpose is Purpose.MARKETING

    @property
    def is_conversation(self) -> bool:
        return self.purpose is Purpose.CONVERSATION

    @property
    def is_any_hour(self) -> bool:
        """Whether hours do not apply now."""
        return self.any_hour_until is not None and self.now < self.any_hour_until

    @property
    def closes_at(self) -> datetime | None:
        """When the text may go no longer because of hours; None when it may not now, or when they never close."""
        free = self.any_hour_until
        if free is None or not self.is_any_hour:
            return self.moment.closes_at
        return self.setting.window.closing(free) if self.setting.window.is_open(free) else free

    @property
    def is_expired(self) -> bool:
        return self.message.expires_at is not None and self.ends_too_soon(self.message.expires_at)

    @property
    def is_closed(self) -> bool:
        """Whether the hours are closed, or close before a clearance of the shortest length would end."""
        closes = self.closes_at
        is_open = self.moment.is_open or self.is_any_hour
        return not is_open or (closes is not None and self.ends_too_soon(closes))

    def ends_too_soon(self, end: datetime, at: datetime | None = None) -> bool:
        """Return whether less than the shortest clearance is left until `end`, counted from `at` or now."""
        left = end - (self.now if at is None else at)
        return left < self.least if self.least else left <= timedelta()

    def opening(self, earliest: datetime) -> datetime | None:
        """Return the first moment not before `earliest` from which the hours stay open for the shortest clearance."""
        window, free, closes = self.setting.window, self.any_hour_until, self.closes_at
        is_free = free is not None and earliest < free and earliest <= self.last_deferral
        if is_free and (closes is None or not self.ends_too_soon(closes, earliest)):
            return earliest
        until = window.next_opening(earliest, self.last_deferral)
        while until is not None and (closes := window.closing(until)) is not None and closes - until < self.least:
            until = window.next_opening(closes, self.last_deferral)
        return until

    @property
    def last_deferral(self) -> datetime:
        hours = self.rules.max_defer_hours if self.policy.max_defer_hours is None else self.policy.max_defer_hours
        return self.message.first_due_at + timedelta(hours=hours)


def decide(
    message: JudgedText,
    recipient: Recipient,
    consent: Consent,
    history: Sequence[HistoryItem],
    now: datetime,
    rules: RuleTable | UnreadableRules,
    policy: Policy,
) -> Verdict:
    """Judge one text at one moment (`now`, aware UTC); unreadable rules block everything.

    Returns:
        `Clear` with its short life, `Defer` with the earliest instant at which hours, holidays and caps all hold, or
        `Block`. Asked again at `until`, with nothing else changed, the answer is `Clear`, unless the consent itself
        has ended by then.
    """
    if isinstance(rules, UnreadableRules):
        return Block(Reason.RULES_UNREADABLE, Evidence(wording.lasting(Reason.RULES_UNREADABLE)))
    obstacle = Reason.MERCHANT_CLOSED if policy.is_closed else _unwritable(recipient, rules)
    if obstacle is not None:
        return Block(obstacle, Evidence(wording.lasting(obstacle)))
    if message.purpose is None:
        return Block(Reason.UNKNOWN_CLASS, Evidence(wording.lasting(Reason.UNKNOWN_CLASS)))
    setting = setting_of(message.purpose, recipient, consent, rules, policy)
    least = timedelta(seconds=policy.least_clearance_seconds)
    moment = moment_of(setting, now)
    case = _Case(message, message.purpose, recipient, consent, history, now, rules, policy, setting, moment, least)
    again = _awaits_consent(case)
    if again is not None:
        return case.defer(Reason.AWAITING_CONSENT, now + again)
    if case.purpose in ANSWER_PURPOSES:
        return _answer(case)
    if case.is_conversation:
        return _conversation(case)
    obstacle = _forbidden(case)
    if obstacle is not None:
        return case.block(obstacle)
    if case.is_marketing and recipient.is_of_shipping:
        return Block(Reason.CONSENT_INSUFFICIENT, _evidence(case.moment, wording.OF_SHIPPING))
    return _timed(case)


def _awaits_consent(case: _Case) -> timedelta | None:
    """Return after how long to look again for a consent that may still arrive; None: judge the consent as it is.

    While events about this person are unread or parked, a missing consent proves nothing: the text goes on waiting,
    an answer until it is too old to be one, any other text for as long as it may be deferred.
    """
    if not case.recipient.awaiting_consent or case.is_expired:
        return None
    if case.now < case.message.first_due_at + AWAIT_CONSENT:
        return _ASK_AGAIN[Reason.AWAITING_CONSENT]
    late = _unread_events(case.recipient)
    if late is None:
        return None
    again = _ASK_AGAIN[late]
    max_age = case.rules.purposes[case.purpose].max_age if case.purpose in ANSWER_PURPOSES else None
    last = case.last_deferral if max_age is None else case.message.first_due_at + max_age
    return again if case.now + again <= last else None


def _unwritable(recipient: Recipient, rules: RuleTable) -> Reason | None:
    """Checks 1 to 3: obstacles for every class of text."""
    number = recipient.number
    if not number.possible:
        return Reason.INVALID_NUMBER
    if number.costs_extra or number.area_code in {*rules.toll_free, *rules.premium}:
        return Reason.UNSUPPORTED_NUMBER_TYPE
    if recipient.line in _NEVER_TEXTED:
        return Reason.UNSUPPORTED_NUMBER_TYPE
    if recipient.suppressed or recipient.suppression not in {None, SuppressionCause.OPT_OUT}:
        return Reason.SUPPRESSED_NUMBER
    return None


def _answer(case: _Case) -> Verdict:
    """Checks 4 and 5: answers go to people who asked for them, at any hour, opted out or not."""
    max_age = case.rules.purposes[case.purpose].max_age or timedelta()
    asked = answer_request(case.purpose, case.consent, case.history, case.now, max_age)
    if isinstance(asked, Reason):
        return case.block(asked)
    return case.block(Reason.MESSAGE_EXPIRED) if case.is_expired else case.clear(asked)


def answer_request(
    purpose: Purpose, consent: Consent, history: Sequence[HistoryItem], now: datetime, max_age: timedelta
) -> datetime | Reason:
    """Return until when (inclusive) an answer may go because the person asked for it, or why it must not.

    Source: compliance section 1, checks 4 and 5; 47 CFR 64.1200(a)(12).
    """
    if purpose is Purpose.OPT_OUT_CONFIRMATION:
        return _confirmation(consent, history, now, max_age)
    asked = max((past.at for past in history if past.kind is PastKind.INBOUND_HELP and past.at <= now), default=None)
    if asked is None or now - asked > max_age:
        return Reason.NO_RECENT_INBOUND
    if any(past.kind is PastKind.HELP and past.at >= asked for past in history):
        return Reason.NO_RECENT_INBOUND
    return asked + max_age


def _confirmation(
    consent: Consent, history: Sequence[HistoryItem], now: datetime, max_age: timedelta
) -> datetime | Reason:
    """Return whether the newest opt-out is to be confirmed: one confirmation for as long as a person stays opted out.

    A second STOP gets no second confirmation. A person who first withdrew elsewhere, and was sent nothing, gets the
    confirmation for their STOP.
    """
    revoked_at = consent.revoked_at
    if revoked_at is None or not consent.is_revoked() or revoked_at > now:
        return Reason.NO_RECENT_INBOUND
    since = min(revoked_at, consent.revoked_since or revoked_at)
    if any(past.kind is PastKind.OPT_OUT_CONFIRMATION and past.at >= since for past in history):
        return Reason.CONFIRMATION_ALREADY_SENT
    if now - revoked_at > max_age:
        return Reason.CONFIRMATION_EXPIRED
    return revoked_at + max_age


def _conversation(case: _Case) -> Verdict:
    """Check 5b: a shop's own answer goes for a day after a reply, never after an opt-out; soon after it, at any hour.

    The reply takes the place of a consent. Holds, hours and the shop's limits are those of `_timed`; caps do not apply.
    """
    if (obstacle := _unwelcome(case)) is not None:
        return case.block(obstacle)
    terms = case.rules.purposes[case.purpose]
    wrote = (past.at for past in case.history if past.kind is PastKind.INBOUND_REPLY and past.at <= case.now)
    replied_at, max_age = max(wrote, default=None), terms.max_age or timedelta()
    if replied_at is None or case.ends_too_soon(replied_at + max_age):
        return Block(Reason.NO_RECENT_INBOUND, _evidence(case.moment, wording.NOT_WRITTEN))
    if case.is_expired:
        return case.block(Reason.MESSAGE_EXPIRED)
    ends = replace(case.message, expires_at=min(filter(None, (case.message.expires_at, replied_at + max_age))))
    return _timed(case._replace(message=ends, any_hour_until=replied_at + (terms.any_hour or timedelta())))


def _unwelcome(case: _Case) -> Reason | None:
    """Check 6, and the countries that the shop writes to."""
    if case.consent.is_revoked() or case.recipient.suppression is SuppressionCause.OPT_OUT:
        return Reason.OPTED_OUT
    if case.policy.destinations is not None and case.setting.countries[0] not in case.policy.destinations:
        return Reason.DESTINATION_NOT_ALLOWED
    return None


def _forbidden(case: _Case) -> Reason | None:
    """Checks 6 to 8, and a text that has expired, before hours are checked."""
    if (obstacle := _unwelcome(case)) is not None:
        return obstacle
    if case.is_marketing and case.setting.is_prohibited:
        return Reason.DESTINATION_PROHIBITED
    missing = shortfall(case.consent, case.purpose, case.setting.countries, case.now, case.rules)
    if missing is not None:
        return missing
    if case.consent.expires_at is not None and case.ends_too_soon(case.consent.expires_at):
        return Reason.CONSENT_EXPIRED
    return Reason.MESSAGE_EXPIRED if case.is_expired else None


def shortfall(
    consent: Consent, purpose: Purpose, countries: Iterable[str], now: datetime, rules: RuleTable
) -> Reason | None:
    """Return why the consent does not suffice for this purpose; None if it does.

    Pending is never consent. If the number's country and the known country differ, the consent must satisfy both.
    Implied consent always has an end: without `expires_at` it is not accepted for marketing (CASL, section 10).

    Source: compliance section 1, check 8, and `consent_rules` of the table.
    """
    if rules.purposes[purpose].consent is None:
        return None
    if consent.status in _NO_CONSENT:
        return Reason.NO_CONSENT
    if consent.status is ConsentStatus.PENDING:
        return Reason.CONSENT_PENDING
    if consent.status is ConsentStatus.EXPIRED or (consent.expires_at is not None and consent.expires_at <= now):
        return Reason.CONSENT_EXPIRED
    endless = consent.status is ConsentStatus.IMPLIED and consent.expires_at is None
    if purpose is Purpose.MARKETING and endless:
        return Reason.CONSENT_INSUFFICIENT
    if any(consent.status not in rules.accepted(purpose, country) for country in countries):
        return Reason.CONSENT_INSUFFICIENT
    return None


def _timed(case: _Case) -> Verdict:
    """Checks 9 to 11: holds, holidays and hours, caps, and whether the text expires before it may go."""
    caps = applicable_caps(case.purpose, case.setting.binding, case.rules, case.policy)
    room = next_room(caps, text_times(case.history, case.purpose), case.now)
    hold = _hold(case)
    closed = _why_closed(case) if case.is_closed else None
    pause = _pause(case)
    waiting = Reason.PAUSED if pause else closed
    limit = case.recipient.limit
    reason = (
        hold or waiting or (Reason.FREQUENCY_CAP if room != case.now else None) or (limit.reason if limit else None)
    )
    if reason is None:
        return case.clear(None if case.is_conversation else case.consent.expires_at)
    again = case.now if hold is None else case.now + _ask_again(case, hold)
    earliest = max(again, pause or case.now, limit.until if limit else case.now)
    until = None if room is None else case.opening(max(room, earliest))
    expires_at = case.message.expires_at
    if until is None or (expires_at is not None and case.ends_too_soon(expires_at, until)):
        explanation = wording.too_late(reason, until, case.moment.clock)
        return Block(Reason.MESSAGE_EXPIRED, _evidence(case.moment, explanation))
    return case.defer(reason, until)


def _hold(case: _Case) -> Reason | None:
    """Return why marketing, or a shop's own answer, to this person is held; None: it is not."""
    if case.purpose not in NEWS_BOUND_PURPOSES:
        return None
    if case.recipient.needs_review:
        return Reason.NEEDS_REVIEW
    return _unread_events(case.recipient)


def _ask_again(case: _Case, hold: Reason) -> timedelta:
    """Return after how long to look again at a text that is held; an answer in a talk cannot wait for an hour."""
    return min(_ASK_AGAIN[hold], _ANSWER_ASKS_AGAIN) if case.is_conversation else _ASK_AGAIN[hold]


def _unread_events(recipient: Recipient) -> Reason | None:
    """Return why events about this person may be unread; None: all have been read."""
    if recipient.parked:
        return Reason.PARKED
    if recipient.consent_lag:
        return Reason.CONSENT_LAG
    return Reason.SOURCE_LAG if recipient.source_lag else None


def _pause(case: _Case) -> datetime | None:
    """Return until when the person paused marketing; None: not now."""
    until = case.recipient.paused_until if case.is_marketing else None
    return until if until is not None and until > case.now else None


def _why_closed(case: _Case) -> Reason:
    """Return why the hours are closed: of a holiday and quiet hours, the one that ends last; on a tie, the holiday."""
    window, last = case.setting.window, case.last_deferral
    if case.moment.is_open:
        return Reason.QUIET_HOURS
    if not window.zones or window.is_open(case.now, Aspect.HOLIDAYS):
        return Reason.QUIET_HOURS
    if window.is_open(case.now, Aspect.HOURS):
        return Reason.HOLIDAY
    hours = window.next_opening(case.now, last, Aspect.HOURS)
    holidays = window.next_opening(case.now, last, Aspect.HOLIDAYS)
    ends_later = holidays is None or (hours is not None and holidays >= hours)
    return Reason.HOLIDAY if ends_later else Reason.QUIET_HOURS


# Equal evidence within a batch is one object, because the moment is one object; a poll holds up to 500 follow-ups.


@lru_cache(maxsize=512)
def _evidence(moment: Moment, explanation: str) -> Evidence:
    return Evidence(explanation, moment.rules, moment.zones, moment.ignored)


@lru_cache(maxsize=512)
def _evidence_of_waiting(moment: Moment, reason: Reason, until: datetime, is_answer: bool) -> Evidence:  # noqa: FBT001 - positional for the cache
    sentence = wording.waiting(reason, until, moment.rules, moment.zones, moment.clock, is_answer=is_answer)
    return _evidence(moment, sentence)


@lru_cache(maxsize=512)
def _evidence_of_clearance(moment: Moment, valid_until: datetime, is_prompt: bool) -> Evidence:  # noqa: FBT001 - as above
    return _evidence(moment, wording.clear(valid_until, moment.zones, is_prompt=is_prompt))
