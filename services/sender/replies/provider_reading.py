"""Combines our reading of a reply with the provider's: opt-outs are recognised broadly, opt-ins narrowly."""

from dataclasses import replace

from shared.events.engagement import ReplyClass
from shared.inbound.classifier import Classification


def combined_reading(reading: Classification, provider_says: ReplyClass | None, *, opted_out: bool) -> Classification:
    """Return the classification that holds.

    A provider's own list of keywords may be longer than ours, and once it has taken a word for STOP it lets no more
    texts through. So a reply is an opt-out as soon as one side reads one. The provider's START counts only from a
    person who is opted out and whose words say nothing else; its HELP only where the words say nothing else.

    Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
    """
    own = reading.reply_class
    says_nothing_else = own is ReplyClass.OTHER and not reading.needs_review
    match provider_says:
        case ReplyClass.OPT_OUT if own is not ReplyClass.OPT_OUT:
            return Classification(ReplyClass.OPT_OUT, "the provider took it for an opt-out keyword")
        case ReplyClass.OPT_IN if opted_out and says_nothing_else:
            return Classification(ReplyClass.OPT_IN, "the provider took it for an opt-in keyword")
        case ReplyClass.HELP if says_nothing_else:
            return replace(reading, reply_class=ReplyClass.HELP, why="the provider took it for a call for help")
        case _:
            return reading
