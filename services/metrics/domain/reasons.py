"""Reason codes explained for a shop owner, with the rule behind each.

Sources: compliance section 1 (codes and order of the checks), and the sections named beside each rule.
"""

from typing import Final, NamedTuple


class ReasonMeaning(NamedTuple):
    """The meaning of a code, which completes "because …", and its rule, if any."""

    words: str
    rule: str | None = None


_MEANINGS: Final = {
    "quiet_hours": ReasonMeaning(
        "it is outside the permitted hours in the recipient’s time zone",
        "47 CFR 64.1200(c)(1), 8:00 to 21:00, or the stricter law of the place",
    ),
    "holiday": ReasonMeaning("such texts are not permitted there on this holiday", "the law of the place"),
    "frequency_cap": ReasonMeaning("this person has received as many texts as allowed", "your frequency cap"),
    "new_people_limit": ReasonMeaning("too many people would receive their first text within an hour", "your limits"),
    "adjacent_numbers": ReasonMeaning(
        "many of the newest recipients have neighbouring numbers, as in fraud", "your limits"
    ),
    "spend_limit": ReasonMeaning("the day’s spending limit is reached", "your limits"),
    "merchant_closed": ReasonMeaning("the shop has closed or removed the app"),
    "awaiting_consent": ReasonMeaning("the consent given with this order is still being recorded"),
    "consent_lag": ReasonMeaning("information about opt-outs is delayed, and marketing waits for it"),
    "source_lag": ReasonMeaning("a part of the system is behind with incoming information, and texts wait for it"),
    "unread_news": ReasonMeaning("new information about this person is processed first"),
    "needs_review": ReasonMeaning("someone has to decide whether a reply is an opt-out"),
    "parked": ReasonMeaning("an earlier event about this person could not be processed and waits for an operator"),
    "paused": ReasonMeaning("this person asked for a pause from marketing texts"),
    "clearance_ran_out": ReasonMeaning("its sender number was too busy, and the gate checks it again"),
    "window_closed": ReasonMeaning("the permitted hours ended before it could be sent"),
    "window_closing": ReasonMeaning("the permitted hours end too soon for a provider that accepts no expiry time"),
    "sender_halted": ReasonMeaning("its sender number is stopped: the provider refused its account or registration"),
    "number_paused": ReasonMeaning("its sender number is paused after unanswered calls"),
    "sender_unknown": ReasonMeaning(
        "its sender number is not in this shop’s files, or no provider there can send from it"
    ),
    "not_on_allowlist": ReasonMeaning(
        "only listed numbers receive texts from this installation, and this one is not listed"
    ),
    "not_sent": ReasonMeaning("the provider could not be reached"),
    "unanswered": ReasonMeaning("the provider did not confirm whether it accepted the text"),
    "another_attempt": ReasonMeaning("another attempt to send it is in progress"),
    "said_sent": ReasonMeaning("the provider did not answer; somebody looked there and says that it was sent"),
    "said_not_sent": ReasonMeaning("the provider did not answer; somebody looked there and says that it was not sent"),
    "not_provable": ReasonMeaning("it could not be determined whether the provider accepted it"),
    "no_receipt": ReasonMeaning("the provider did not report whether it was delivered"),
    "texts_paused": ReasonMeaning("such texts are paused, by this shop or by the operator"),
    "blackout": ReasonMeaning("this shop sends no such texts on these days"),
    "texts_stopped": ReasonMeaning("such texts were stopped, by this shop or by the operator"),
    "too_late": ReasonMeaning("it waited for the end of a pause until it was out of date"),
    "earlier_text": ReasonMeaning("another text to this person is sent first"),
    "number_busy": ReasonMeaning("its sender number is busy, and it is queued"),
    "turn": ReasonMeaning("it is due and queued: its number’s rate, an earlier text or new information come first"),
    "hour": ReasonMeaning("it is not due yet"),
    "gate": ReasonMeaning("the gate has not answered yet"),
    "gate_or_sender": ReasonMeaning("the gate is checking it, or it is being sent"),
    "sender": ReasonMeaning("it was not sent yet: its sender number is busy or paused"),
    "answer": ReasonMeaning("the provider is asked whether it accepted the text"),
    "receipt": ReasonMeaning("the provider accepted it, and the receipt is awaited"),
    "invalid_number": ReasonMeaning("the number is not valid"),
    "unsupported_number_type": ReasonMeaning("toll-free, premium-rate and landline numbers are never texted"),
    "suppressed_number": ReasonMeaning("the number is on your suppression list"),
    "no_recent_inbound": ReasonMeaning(
        "it answers what the person wrote (HELP or STOP in the last five minutes, a reply in the last 24 hours), and "
        "there is nothing to answer"
    ),
    "confirmation_already_sent": ReasonMeaning("the opt-out has been confirmed already", "47 CFR 64.1200(a)(12)"),
    "confirmation_expired": ReasonMeaning("the opt-out is more than five minutes old", "47 CFR 64.1200(a)(12)"),
    "opted_out": ReasonMeaning("this person has opted out", "47 CFR 64.1200(a)(10)"),
    "destination_not_allowed": ReasonMeaning("the number is in a country to which this shop does not send"),
    "destination_prohibited": ReasonMeaning("marketing texts may not be sent to this country at all"),
    "no_consent": ReasonMeaning("there is no record that this person agreed", "47 CFR 64.1200(a)(2), (f)(9)"),
    "consent_pending": ReasonMeaning("this person was asked to confirm and has not answered yet"),
    "consent_expired": ReasonMeaning("this person’s consent has expired"),
    "consent_insufficient": ReasonMeaning(
        "the consent is not sufficient for such a text there", "47 CFR 64.1200(a)(2), (f)(9)"
    ),
    "message_expired": ReasonMeaning("it would have been sent too late"),
    "rules_unreadable": ReasonMeaning("the table of sending rules cannot be read"),
    "unknown_class": ReasonMeaning("its purpose is not known"),
    "erased": ReasonMeaning("this person’s data was erased"),
    "api": ReasonMeaning("your own system cancelled it"),
    "by_hand": ReasonMeaning("somebody of your shop cancelled it"),
    "shipping_number": ReasonMeaning("the only number is a shipping address’s, which may be another person’s"),
    "already_dispatched": ReasonMeaning("an earlier attempt to send it had succeeded"),
    "purchase": ReasonMeaning("the person made a purchase"),
    "inquiry": ReasonMeaning("the person made an inquiry"),
    "checkout_started": ReasonMeaning("a checkout was started"),
    "checkout_completed": ReasonMeaning("the checkout was completed"),
    "fulfilment": ReasonMeaning("the order was shipped"),
    "delivery": ReasonMeaning("the order was delivered"),
    "refund": ReasonMeaning("the purchase was refunded"),
    "cancellation": ReasonMeaning("the order was cancelled"),
    "booking": ReasonMeaning("the person made a booking"),
    "survey_answered": ReasonMeaning("the survey was answered"),
    "suppressed": ReasonMeaning("this person opted out at the last moment"),
    "cancelled": ReasonMeaning("it was cancelled at the last moment"),
    "expired": ReasonMeaning("it was too old"),
    "refused": ReasonMeaning("the provider refused it"),
    "undelivered": ReasonMeaning("it was not delivered"),
    "proven_absent": ReasonMeaning("the provider did not receive it"),
    "render_failed": ReasonMeaning("the text could not be composed: a value that its template needs is missing"),
    "compose_crashed": ReasonMeaning("the text could not be composed"),
    "unreadable": ReasonMeaning("the data of the text cannot be read"),
    "invalid": ReasonMeaning("the number does not exist anymore"),
    "not_mobile": ReasonMeaning("the number cannot receive texts"),
    "unreachable": ReasonMeaning("the phone could not be reached"),
    "filtered": ReasonMeaning("the carrier filtered it"),
    "throttled": ReasonMeaning("the provider’s rate limit was reached"),
    "sender_unregistered": ReasonMeaning("your sender number is not registered with the carriers"),
    "content": ReasonMeaning("the provider did not accept the wording"),
    "config": ReasonMeaning("the provider’s account is not configured for it"),
    "unknown": ReasonMeaning("the provider gave no reason"),
    "order_deleted": ReasonMeaning("the order was deleted"),
    "number_changed": ReasonMeaning("the order or cart has another number now"),
    "opt_out": ReasonMeaning("this person has opted out"),
    "expire_after": ReasonMeaning("it could not be sent before it expired"),
    "past_due": ReasonMeaning("its time had passed, and the flow skips late texts (if_past: skip)"),
    "keeps_distance": ReasonMeaning("the text before it was sent late, and the planned time between them is kept"),
    "catch_up": ReasonMeaning("of the marketing texts that this person missed, one a day is sent"),
}


def meaning_of(code: str) -> ReasonMeaning:
    """Return the meaning of a code; an unknown code is shown as it is, in readable form."""
    return _MEANINGS.get(code) or ReasonMeaning(code.replace("_", " ").replace("-", " ") or "no reason was given")


_CONSENTS: Final = {
    "pewc": "consent in writing",
    "express": "express consent",
    "implied": "implied consent",
    "soft_opt_in": "soft opt-in",
    "contract": "only about an order",
    "pending": "asked to confirm, no answer yet",
    "expired": "expired",
    "revoked": "withdrawn",
    "none": "no permission",
    "unknown": "a permission of unknown strength",
}


def consent_words(status: str) -> str:
    """Return a consent status in a shop owner's words."""
    return _CONSENTS.get(status, status.replace("_", " "))


def is_known(code: str) -> bool:
    """Return whether a code has a meaning on record."""
    return code in _MEANINGS


def detail_words(detail: str | None) -> str:
    """Return the result of a call in readable form: HTTP 503, timeout, the provider’s code 30034."""
    if not detail:
        return "no details"
    if detail.startswith("http_"):
        return f"HTTP {detail.removeprefix('http_')}"
    return f"the provider’s code {detail}" if detail.isdigit() else detail.replace("_", " ")
