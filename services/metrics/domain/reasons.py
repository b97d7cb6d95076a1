"""Reason codes in a shop owner's words, with the rule behind each.

Sources: compliance section 1 (codes and order of the checks), and the sections named beside each rule.
"""

from typing import Final, NamedTuple


class ReasonMeaning(NamedTuple):
    """What a code means: completes "because …", and the rule where there is one."""

    words: str
    rule: str | None = None


_MEANINGS: Final = {
    "quiet_hours": ReasonMeaning(
        "it is outside the permitted hours on the recipient’s clock",
        "47 CFR 64.1200(c)(1), 8:00 to 21:00, or the stricter law of the place",
    ),
    "holiday": ReasonMeaning("it is a holiday there on which such texts are barred", "the law of the place"),
    "frequency_cap": ReasonMeaning("this person has had as many texts as allowed", "your frequency cap"),
    "new_people_limit": ReasonMeaning("too many people were to get their first text within an hour", "your limits"),
    "adjacent_numbers": ReasonMeaning(
        "many of the newest recipients have neighbouring numbers, as in fraud", "your limits"
    ),
    "spend_limit": ReasonMeaning("the day’s texts have cost as much as they may", "your limits"),
    "merchant_closed": ReasonMeaning("the shop has closed or removed the app"),
    "awaiting_consent": ReasonMeaning("the consent given with this order is still being recorded"),
    "consent_lag": ReasonMeaning("news about opt-outs is late, and marketing waits for it"),
    "source_lag": ReasonMeaning("a part of the system is late in passing on what it was told, and texts wait for it"),
    "unread_news": ReasonMeaning("something about this person has just come in and is read first"),
    "needs_review": ReasonMeaning("a reply waits for somebody to decide whether it is an opt-out"),
    "parked": ReasonMeaning("an earlier event about this person waits for a repair"),
    "paused": ReasonMeaning("this person asked for a pause from marketing texts"),
    "clearance_ran_out": ReasonMeaning("its sender number was too busy, and the gate is asked again"),
    "window_closed": ReasonMeaning("the permitted hours ended before its turn came"),
    "window_closing": ReasonMeaning(
        "the permitted hours end too soon for a provider that cannot be told when to give up"
    ),
    "sender_halted": ReasonMeaning("its sender number is halted: the provider refused its account or registration"),
    "number_paused": ReasonMeaning("its sender number rests after calls that nobody answered"),
    "sender_unknown": ReasonMeaning("its sender number is not in this shop’s files, or nothing there can carry it"),
    "not_on_allowlist": ReasonMeaning("only numbers on a list are texted from here, and this one is not on it"),
    "not_sent": ReasonMeaning("the provider could not be reached"),
    "unanswered": ReasonMeaning("the provider did not say whether it has the text"),
    "another_attempt": ReasonMeaning("another attempt of it is under way"),
    "not_provable": ReasonMeaning("nobody could say whether the provider has it"),
    "no_receipt": ReasonMeaning("the provider never said whether it arrived"),
    "earlier_text": ReasonMeaning("another text to this person goes first"),
    "number_busy": ReasonMeaning("its sender number is busy, and it stands in line"),
    "turn": ReasonMeaning(
        "its hour has come, and its turn has not: its number’s pace, an earlier text, or news come first"
    ),
    "hour": ReasonMeaning("its hour lies ahead"),
    "gate": ReasonMeaning("the gate has not answered yet"),
    "gate_or_sender": ReasonMeaning("the gate or the sender has it"),
    "sender": ReasonMeaning("the sender has not called yet: its number is busy or held"),
    "answer": ReasonMeaning("the provider is asked whether it has the text"),
    "receipt": ReasonMeaning("the provider has it, and a receipt is awaited"),
    "invalid_number": ReasonMeaning("the number cannot exist"),
    "unsupported_number_type": ReasonMeaning("toll-free, premium-rate and landline numbers are never texted"),
    "suppressed_number": ReasonMeaning("the number is on your list of numbers never to write to again"),
    "no_recent_inbound": ReasonMeaning("it answers a request of the last five minutes, and there is none"),
    "confirmation_already_sent": ReasonMeaning("the opt-out has been confirmed already", "47 CFR 64.1200(a)(12)"),
    "confirmation_expired": ReasonMeaning("the opt-out is more than five minutes old", "47 CFR 64.1200(a)(12)"),
    "opted_out": ReasonMeaning("this person has opted out", "47 CFR 64.1200(a)(10)"),
    "destination_not_allowed": ReasonMeaning("the number is of a country this shop does not write to"),
    "destination_prohibited": ReasonMeaning("marketing texts may not be sent to this country at all"),
    "no_consent": ReasonMeaning("there is no record that this person agreed", "47 CFR 64.1200(a)(2), (f)(9)"),
    "consent_pending": ReasonMeaning("this person was asked to confirm and has not answered yet"),
    "consent_expired": ReasonMeaning("this person’s consent has expired"),
    "consent_insufficient": ReasonMeaning(
        "the consent is not strong enough for such a text there", "47 CFR 64.1200(a)(2), (f)(9)"
    ),
    "message_expired": ReasonMeaning("it would have gone out too late to be welcome"),
    "rules_unreadable": ReasonMeaning("the table of sending rules cannot be read"),
    "unknown_class": ReasonMeaning("nobody said what kind of text it is"),
    "erased": ReasonMeaning("this person was forgotten"),
    "api": ReasonMeaning("your own system called it off"),
    "shipping_number": ReasonMeaning("the only number is a shipping address’s, which may be another person’s"),
    "already_dispatched": ReasonMeaning("an earlier call for it went after all"),
    "purchase": ReasonMeaning("the person bought"),
    "inquiry": ReasonMeaning("the person asked"),
    "checkout_started": ReasonMeaning("a checkout was started"),
    "checkout_completed": ReasonMeaning("the checkout was completed"),
    "fulfilment": ReasonMeaning("the order was shipped"),
    "delivery": ReasonMeaning("the order arrived"),
    "refund": ReasonMeaning("the purchase was refunded"),
    "cancellation": ReasonMeaning("the order was cancelled"),
    "booking": ReasonMeaning("the person booked"),
    "survey_answered": ReasonMeaning("the survey was answered"),
    "suppressed": ReasonMeaning("this person opted out in the last moment"),
    "cancelled": ReasonMeaning("it was cancelled in the last moment"),
    "expired": ReasonMeaning("it had become too old"),
    "refused": ReasonMeaning("the provider refused it"),
    "undelivered": ReasonMeaning("it did not arrive"),
    "proven_absent": ReasonMeaning("the provider never had it"),
    "render_failed": ReasonMeaning("the text could not be put together: a value its template needs is missing"),
    "compose_crashed": ReasonMeaning("the text could not be put together"),
    "unreadable": ReasonMeaning("what the text is made of cannot be read"),
    "invalid": ReasonMeaning("the number does not exist any more"),
    "not_mobile": ReasonMeaning("the number cannot receive texts"),
    "unreachable": ReasonMeaning("the phone could not be reached"),
    "filtered": ReasonMeaning("the carrier filtered it"),
    "throttled": ReasonMeaning("the provider was asked too fast"),
    "sender_unregistered": ReasonMeaning("your sender number is not registered with the carriers"),
    "content": ReasonMeaning("the provider did not accept the wording"),
    "config": ReasonMeaning("the provider’s account is not set up for it"),
    "unknown": ReasonMeaning("the provider gave no reason"),
    "order_deleted": ReasonMeaning("the order was deleted"),
    "number_changed": ReasonMeaning("the order or cart has another number now"),
    "opt_out": ReasonMeaning("this person has opted out"),
    "expire_after": ReasonMeaning("it could not go before its own end"),
    "past_due": ReasonMeaning("its time had passed, and the flow wants it no more then (if_past: skip)"),
    "keeps_distance": ReasonMeaning(
        "the text before it in its flow went late, and the planned time is kept between them"
    ),
    "catch_up": ReasonMeaning("of the marketing that this person missed, one text a day goes"),
}


def meaning_of(code: str) -> ReasonMeaning:
    """Return what a code means; a code we have no words for is shown as it is, readable."""
    return _MEANINGS.get(code) or ReasonMeaning(code.replace("_", " ").replace("-", " ") or "no reason was given")


_CONSENTS: Final = {
    "pewc": "consent in writing",
    "express": "express consent",
    "implied": "implied consent",
    "soft_opt_in": "soft opt-in",
    "contract": "what an order needs",
    "pending": "asked to confirm, no answer yet",
    "expired": "expired",
    "revoked": "withdrawn",
    "none": "no permission",
    "unknown": "a permission of unknown strength",
}


def consent_words(status: str) -> str:
    """Return what the ledger holds, in a shop owner's words."""
    return _CONSENTS.get(status, status.replace("_", " "))


def is_known(code: str) -> bool:
    """Return whether a code has words of its own."""
    return code in _MEANINGS


def detail_words(detail: str | None) -> str:
    """Return what a call met, readable: HTTP 503, timeout, the provider’s code 30034."""
    if not detail:
        return "no details"
    if detail.startswith("http_"):
        return f"HTTP {detail.removeprefix('http_')}"
    return f"the provider’s code {detail}" if detail.isdigit() else detail.replace("_", " ")
