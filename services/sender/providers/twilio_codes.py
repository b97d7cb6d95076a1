"""Twilio's codes and what we do about them (compliance section 13; meanings checked there on 2026-11-21).

Twilio splits codes over time and advises against branching on unlisted ones: those are permanent and looked at.
"""

from datetime import timedelta
from typing import Final

from services.sender.domain.lattice import Status
from services.sender.domain.reactions import CodeTable, Meaning, Reaction
from shared.events.consent import SuppressionCause
from shared.events.dispatch import ErrorClass
from shared.events.engagement import ReplyClass

_NOT_OURS_TO_SEND = Meaning(ErrorClass.CONFIG, Reaction.HALT, alarm=True)
_UNREGISTERED = Meaning(ErrorClass.SENDER_UNREGISTERED, Reaction.HALT, alarm=True)
_DAILY_CAP = Meaning(ErrorClass.THROTTLED, Reaction.CAPPED, alarm=True)
_OUR_REQUEST = Meaning(ErrorClass.CONFIG, alarm=True)
_NO_PHONE = Meaning(ErrorClass.INVALID, suppress=SuppressionCause.INVALID)
_NO_MOBILE = Meaning(ErrorClass.NOT_MOBILE, suppress=SuppressionCause.INVALID)
_BAD_TEXT = Meaning(ErrorClass.CONTENT)

CODES: Final[CodeTable] = {
    # Rate and queue: never processed, never left.
    "20429": Meaning(ErrorClass.THROTTLED, Reaction.SLOW_DOWN),
    "21611": Meaning(ErrorClass.THROTTLED, Reaction.SLOW_DOWN),
    "30001": Meaning(ErrorClass.THROTTLED, Reaction.ASK_AGAIN, after=timedelta(minutes=5)),
    "30022": Meaning(ErrorClass.THROTTLED, Reaction.ASK_AGAIN, after=timedelta(minutes=15), alarm=True),
    "30023": _DAILY_CAP,
    "30027": _DAILY_CAP,
    # Our account, our numbers, our registration.
    "20003": _NOT_OURS_TO_SEND,
    "20404": _NOT_OURS_TO_SEND,
    "21212": _NOT_OURS_TO_SEND,
    "21606": _NOT_OURS_TO_SEND,
    "21703": _NOT_OURS_TO_SEND,
    "30002": _NOT_OURS_TO_SEND,
    "35118": _NOT_OURS_TO_SEND,
    "30032": _UNREGISTERED,
    "30034": _UNREGISTERED,
    "21408": _OUR_REQUEST,
    "21603": _OUR_REQUEST,
    "21604": _OUR_REQUEST,
    "21609": _OUR_REQUEST,
    "21624": _OUR_REQUEST,
    # The text.
    "21602": _BAD_TEXT,
    "21617": _BAD_TEXT,
    "12300": _BAD_TEXT,
    "30007": Meaning(ErrorClass.FILTERED, alarm=True),
    # The person's number.
    "21211": _NO_PHONE,
    "21217": _NO_PHONE,
    "30005": _NO_PHONE,
    "21614": _NO_MOBILE,
    "21635": _NO_MOBILE,
    "30006": _NO_MOBILE,
    "21610": Meaning(ErrorClass.OPTED_OUT, suppress=SuppressionCause.OPT_OUT),
    "30004": Meaning(ErrorClass.OPTED_OUT),
    "21612": Meaning(ErrorClass.UNREACHABLE),
    "30003": Meaning(ErrorClass.UNREACHABLE, Reaction.ASK_AGAIN_TRANSACTIONAL, after=timedelta(days=1)),
    # The carrier gave no reason: one more for texts somebody waits for.
    "30008": Meaning(ErrorClass.UNKNOWN, Reaction.ASK_AGAIN_TRANSACTIONAL, after=timedelta(minutes=5), most_attempts=2),
    "30036": Meaning(ErrorClass.QUIET_HOURS),  # the validity period we set ran out in Twilio's queue
    "30610": Meaning(ErrorClass.QUIET_HOURS, Reaction.ASK_AGAIN, after=timedelta(hours=1), alarm=True),
}

STATUSES: Final = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.ACCEPTED,
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
"""Twilio's word to ours (providers section 6); an unknown word says only that the text was taken."""

ANSWERED_BY_TWILIO: Final = frozenset(
    {
        *("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
        *("START", "YES", "UNSTOP", "HELP", "INFO"),
    }
)
"""Whole one-word messages only: "STOP please" is ours to answer (compliance section 6)."""

OPT_OUT_TYPES: Final = {"STOP": ReplyClass.OPT_OUT, "START": ReplyClass.OPT_IN, "HELP": ReplyClass.HELP}
"""What Advanced Opt-Out took a text for, by the keywords the account has set; it has answered the text by then.

Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
"""
