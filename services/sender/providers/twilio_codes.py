"""Twilio's codes and how the sender reacts (compliance section 13; meanings checked there on 2026-11-21).

Twilio splits codes over time and advises against branching on unlisted ones: those are permanent and raise an alarm.
"""

from datetime import timedelta
from typing import Final

from services.sender.providers.reactions import CodeMeaning, CodeTable, Reaction
from services.sender.receipts.status_lattice import ProviderStatus
from shared.events.consent import SuppressionCause
from shared.events.dispatch import ErrorClass
from shared.events.engagement import ReplyClass

_NOT_OURS_TO_SEND = CodeMeaning(ErrorClass.CONFIG, Reaction.HALT, alarm=True)
_UNREGISTERED = CodeMeaning(ErrorClass.SENDER_UNREGISTERED, Reaction.HALT, alarm=True)
_DAILY_CAP = CodeMeaning(ErrorClass.THROTTLED, Reaction.CAPPED, alarm=True)
_OUR_REQUEST = CodeMeaning(ErrorClass.CONFIG, alarm=True)
_NO_PHONE = CodeMeaning(ErrorClass.INVALID, suppress=SuppressionCause.INVALID)
_NO_MOBILE = CodeMeaning(ErrorClass.NOT_MOBILE, suppress=SuppressionCause.INVALID)
_BAD_TEXT = CodeMeaning(ErrorClass.CONTENT)

CODES: Final[CodeTable] = {
    # Rate and queue: not processed, never sent.
    "20429": CodeMeaning(ErrorClass.THROTTLED, Reaction.SLOW_DOWN),
    "21611": CodeMeaning(ErrorClass.THROTTLED, Reaction.SLOW_DOWN),
    "30001": CodeMeaning(ErrorClass.THROTTLED, Reaction.ASK_AGAIN, after=timedelta(minutes=5)),
    "30022": CodeMeaning(ErrorClass.THROTTLED, Reaction.ASK_AGAIN, after=timedelta(minutes=15), alarm=True),
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
    "30007": CodeMeaning(ErrorClass.FILTERED, alarm=True),
    # The person's number.
    "21211": _NO_PHONE,
    "21217": _NO_PHONE,
    "30005": _NO_PHONE,
    "21614": _NO_MOBILE,
    "21635": _NO_MOBILE,
    "30006": _NO_MOBILE,
    "21610": CodeMeaning(ErrorClass.OPTED_OUT, suppress=SuppressionCause.OPT_OUT),
    "30004": CodeMeaning(ErrorClass.OPTED_OUT),
    "21612": CodeMeaning(ErrorClass.UNREACHABLE),
    "30003": CodeMeaning(ErrorClass.UNREACHABLE, Reaction.ASK_AGAIN_TRANSACTIONAL, after=timedelta(days=1)),
    # The carrier gave no reason: one more attempt for texts that the person is waiting for.
    "30008": CodeMeaning(
        ErrorClass.UNKNOWN, Reaction.ASK_AGAIN_TRANSACTIONAL, after=timedelta(minutes=5), most_attempts=2
    ),
    "30036": CodeMeaning(ErrorClass.QUIET_HOURS),  # the validity period we set ran out in Twilio's queue
    "30610": CodeMeaning(ErrorClass.QUIET_HOURS, Reaction.ASK_AGAIN, after=timedelta(hours=1), alarm=True),
}

STATUSES: Final = {
    "accepted": ProviderStatus.ACCEPTED,
    "scheduled": ProviderStatus.ACCEPTED,
    "queued": ProviderStatus.ACCEPTED,
    "sending": ProviderStatus.ACCEPTED,
    "sent": ProviderStatus.SENT,
    "delivered": ProviderStatus.DELIVERED,
    "read": ProviderStatus.DELIVERED,
    "undelivered": ProviderStatus.UNDELIVERED,
    "failed": ProviderStatus.FAILED,
    "canceled": ProviderStatus.FAILED,
}
"""Twilio's statuses as ours (providers section 6); an unknown one means only that the text was accepted."""

ANSWERED_BY_TWILIO: Final = frozenset(
    {
        *("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
        *("START", "YES", "UNSTOP", "HELP", "INFO"),
    }
)
"""Whole one-word messages only: "STOP please" is ours to answer (compliance section 6)."""

OPT_OUT_TYPES: Final = {"STOP": ReplyClass.OPT_OUT, "START": ReplyClass.OPT_IN, "HELP": ReplyClass.HELP}
"""The class that Advanced Opt-Out gave a reply, by the keywords of the account; it has answered by then.

Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
"""
