"""A shop's own answers: whether there is a reply to answer, until when, and from which number.

The gate decides when the text is due; here is said at once why an answer would not go (compliance section 1, check 5b).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from services.scheduler.runs.plan import PlannedText
from services.scheduler.runs.recipients import StoredRecipient
from shared.config.directory import Merchant
from shared.http.problems import HTTPProblem

REPLY_LIFE: Final = timedelta(hours=24)
"""How long a reply may be answered. Source: compliance section 1, check 5b."""
_REVOKED: Final = "revoked"


def answered_reply(person: StoredRecipient, now: datetime) -> datetime:
    """Return when the person wrote what is answered.

    Raises:
        HTTPProblem: 409 `opted_out` or `no_recent_inbound`, in words that say what to do.
    """
    if person.suppressed is not None or _wants_no_answers(person):
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "opted_out",
            "this person has opted out, or their number may not be written to; only they can lift an opt-out, by START",
        )
    if person.replied_at is None:
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "no_recent_inbound",
            "this person has not written since they were last known to opt out, if they ever have; an answer needs "
            "their text of the last 24 hours (one that has just come in is known here within seconds: ask again)",
        )
    if now >= person.replied_at + REPLY_LIFE:
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "no_recent_inbound",
            f"this person last wrote at {person.replied_at:%Y-%m-%d %H:%M} UTC; an answer may go for 24 hours. For "
            "news about an order use the purpose transactional or informational",
        )
    return person.replied_at


def ending_with_reply(text: PlannedText, replied_at: datetime) -> PlannedText:
    """Return the answer so that it expires when its reply is too old, or earlier where that was asked for."""
    return replace(text, expires_at=min(filter(None, (text.expires_at, replied_at + REPLY_LIFE))))


def number_written_to(person: StoredRecipient, merchant: Merchant) -> str | None:
    """Return the merchant's number that the person wrote to, as long as it is one: the talk goes on there."""
    return next((each.number for each in merchant.config.numbers if each.number == person.replied_to), None)


def _wants_no_answers(person: StoredRecipient) -> bool:
    """Return whether the last consent that was read withdraws service texts, and with them answers."""
    return person.consents is not None and person.consents["informational"]["status"] == _REVOKED
