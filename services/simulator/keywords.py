"""Twilio's own answers to STOP, START and HELP, for sender numbers that let the provider answer.

Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out (default keywords of long codes)
"""

from dataclasses import dataclass
from typing import Final

_STOP: Final = frozenset({"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"})
_START: Final = frozenset({"START", "UNSTOP", "YES"})
_HELP: Final = frozenset({"HELP", "INFO"})


@dataclass(frozen=True, slots=True)
class KeywordEffect:
    """What a keyword does: the block it leaves (None: as it was) and the answer it gets."""

    answer: str
    is_blocked: bool | None = None


def effect_of(body: str, *, is_blocked: bool) -> KeywordEffect | None:
    """Return the effect of a reply; None where it is not a keyword, or changes nothing.

    Args:
        body: the reply; only a keyword standing alone counts.
        is_blocked: whether this number is blocked for this phone now.
    """
    word = body.strip().upper()
    if word in _STOP and not is_blocked:
        return KeywordEffect(
            "You have successfully been unsubscribed. You will not receive any more messages from this number. "
            "Reply START to resubscribe.",
            is_blocked=True,
        )
    if word in _START and is_blocked:
        return KeywordEffect(
            "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
            "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
            is_blocked=False,
        )
    if word in _HELP and not is_blocked:
        return KeywordEffect("Reply STOP to unsubscribe. Msg&Data Rates May Apply.")
    return None
