"""One sentence for the shop owner about each verdict: what happened, and what follows from it."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from services.compliance.gate.verdicts import Reason, RuleFinding, ZoneFinding

_LASTING = {
    Reason.RULES_UNREADABLE: "The table of sending rules cannot be read, so nothing is sent until it is mended.",
    Reason.MERCHANT_CLOSED: "The shop has closed its account, so nothing is sent for it any more.",
    Reason.INVALID_NUMBER: "This is not a phone number that can exist, so no text can reach it.",
    Reason.UNSUPPORTED_NUMBER_TYPE: "This is a toll-free, premium-rate, shared-cost, personal, satellite"
    " or landline number, which is never texted.",
    Reason.SUPPRESSED_NUMBER: "This number is on your list of numbers never to write to again.",
    Reason.UNKNOWN_CLASS: "Nobody said what kind of text this is in words we know, so it is not sent.",
    Reason.NO_RECENT_INBOUND: "This text only answers a request of the last five minutes, and there is none to answer.",
    Reason.CONFIRMATION_ALREADY_SENT: "The opt-out has been confirmed already, and only one confirmation is allowed.",
    Reason.CONFIRMATION_EXPIRED: "The opt-out is more than five minutes old, too late for a confirmation.",
    Reason.OPTED_OUT: "This person has opted out of your texts.",
    Reason.DESTINATION_NOT_ALLOWED: "This number is of a country ({country}) that your shop does not write to; if it"
    " should, add {country} to policies.destinations in merchant.yaml.",
    Reason.DESTINATION_PROHIBITED: "Marketing texts may not be sent to this destination at all.",
    Reason.NO_CONSENT: "There is no record that this person agreed to such texts.",
    Reason.CONSENT_PENDING: "This person was asked to confirm the opt-in and has not answered yet.",
    Reason.CONSENT_EXPIRED: "This person's consent has expired.",
    Reason.CONSENT_INSUFFICIENT: "This person's consent is not strong enough for such texts where the number or the"
    " person is at home.",
    Reason.MESSAGE_EXPIRED: "This text would go out too late to be welcome, so it is not sent.",
}
OF_SHIPPING = "The only number known is that of a shipping address, which may be another person's: no marketing."
"""The sentence of a block for `consent_insufficient` whose cause is where the number came from."""
NOT_WRITTEN = "An answer may go for 24 hours after a person has written, and this person has not written since then."
"""The sentence of a block for `no_recent_inbound` of a shop's own answer."""

_HOLDS = {
    Reason.AWAITING_CONSENT: "The consent given together with this order is still being recorded",
    Reason.NEEDS_REVIEW: "A reply of this person waits for somebody to decide whether it is an opt-out",
    Reason.PARKED: "An earlier event about this person could not be handled and waits for a repair",
    Reason.CONSENT_LAG: "News about opt-outs is late, so marketing waits until it has caught up",
    Reason.SOURCE_LAG: "A part of the system is late in passing on what it was told, so marketing waits for it",
    Reason.PAUSED: "This person asked for a pause from marketing texts",
    Reason.NEW_PEOPLE: "More people than policies.limits allows in an hour were to get their first text from you",
    Reason.ADJACENT_NUMBERS: "Many of your newest recipients have neighbouring numbers, as in fraud with texts; first"
    " texts wait until somebody has looked and released them",
    Reason.SPEND_LIMIT: "Your texts of today have cost what policies.limits.spend allows",
}
_HOLDS_OF_ANSWERS = {
    Reason.CONSENT_LAG: "News about this person is late and may be an opt-out, so the answer waits until it is read",
    Reason.SOURCE_LAG: "A part of the system is late in passing on what it was told, so the answer waits for it",
}


def lasting(reason: Reason, country: str = "ZZ") -> str:
    """Return the sentence of a block; one of them names the country of the number."""
    return _LASTING[reason].format(country=country)


def too_late(reason: Reason, opening: datetime | None, clock: ZoneInfo | None) -> str:
    """Return the sentence of a text that would expire while it waits."""
    cause = {
        Reason.HOLIDAY: "today is a holiday there",
        Reason.QUIET_HOURS: "it is outside the permitted hours there",
        Reason.FREQUENCY_CAP: "this person has had as many such texts as allowed",
        Reason.PAUSED: "this person asked for a pause",
        Reason.NEW_PEOPLE: "too many people were to get their first text within an hour",
        Reason.ADJACENT_NUMBERS: "many of the newest recipients have neighbouring numbers, and nobody released them",
        Reason.SPEND_LIMIT: "the day's texts have cost as much as they may",
    }.get(reason, "it has to wait")
    if opening is None:
        return f"This text cannot go now ({cause}) and finds no permitted time before it is too old, so it is not sent."
    moment = _moment(opening, clock)
    return f"This text cannot go now ({cause}) and would be out of date by {moment}, so it is not sent."


def waiting(
    reason: Reason,
    until: datetime,
    rules: Sequence[RuleFinding],
    zones: Sequence[ZoneFinding],
    clock: ZoneInfo | None,
    *,
    is_answer: bool = False,
) -> str:
    """Return the sentence of a deferral; `is_answer`: of a shop's own answer to a person."""
    moment = _moment(until, clock)
    if reason is Reason.FREQUENCY_CAP:
        return f"This person has had as many such texts as allowed, so this one waits until {moment}."
    if reason in _HOLDS:
        hold = _HOLDS_OF_ANSWERS.get(reason, _HOLDS[reason]) if is_answer else _HOLDS[reason]
        return f"{hold}, so this text is looked at again at {moment}."
    closed_zone = next((found for found in zones if not found.open), None)
    closed_rule = next((found for found in rules if not found.open and found.skipped is None), None)
    where = f"It is {closed_zone.local_time:%a %H:%M} in {closed_zone.zone}" if closed_zone else "It is closed there"
    whose = closed_rule.name if closed_rule else "the strictest rule"
    if reason is Reason.HOLIDAY:
        return f"{where}, a holiday by the rule of {whose}, so this text waits until {moment}."
    hours = f" ({closed_rule.hours})" if closed_rule else ""
    return f"{where}, outside the hours of {whose}{hours}, so this text waits until {moment}."


def clear(valid_until: datetime, zones: Sequence[ZoneFinding], *, is_prompt: bool = False) -> str:
    """Return the sentence of a clearance; `is_prompt`: hours do not apply, as the person has just written."""
    if is_prompt:
        return f"This person has just written, so the answer may go at any hour, until {valid_until:%H:%M:%S} UTC."
    if not zones:
        return f"This text answers the person and may go until {valid_until:%H:%M:%S} UTC."
    first = zones[0]
    return f"It is {first.local_time:%a %H:%M} in {first.zone} and nothing stands against this text: it may go now."


def _moment(at: datetime, clock: ZoneInfo | None) -> str:
    """Return an instant in a zone, in UTC without one."""
    if clock is None:
        return f"{at:%a %d %b %H:%M} UTC"
    return f"{at.astimezone(clock):%a %d %b %H:%M} {clock.key} time"
