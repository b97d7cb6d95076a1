"""What would have to change for a text that was refused or waits, in a shop owner's words (pure)."""

from typing import Final

_CHANGES: Final = {
    "opted_out": "Only this person can change that: by texting START, or on their preference page.",
    "no_consent": "Record a consent for such texts, with its evidence; texts planned after that may go.",
    "consent_pending": "This person has to confirm the opt-in first.",
    "consent_expired": "Ask this person again, by another channel, and record the new consent with its evidence.",
    "consent_insufficient": "A stronger consent is needed there: for marketing in the US, one in writing, with the"
    " wording that was shown.",
    "suppressed_number": "Nothing: this number is never written to again.",
    "invalid_number": "Correct the number where it comes from.",
    "unsupported_number_type": "Nothing: numbers of this kind are never texted. Ask for a mobile number.",
    "destination_not_allowed": "If you have customers there, add the country to policies.destinations in"
    " merchant.yaml.",
    "destination_prohibited": "Nothing: no marketing may be sent there.",
    "message_expired": "Give the step a longer expire_after, or send it earlier.",
    "merchant_closed": "Nothing while the shop is closed.",
    "rules_unreadable": "The table of sending rules has to be mended; the operator knows how.",
    "unknown_class": "Give the step a purpose: marketing, informational, transactional or conversation.",
    "no_recent_inbound": "This person has to write first.",
    "quiet_hours": "Nothing: it goes when the permitted hours begin. A time zone, state or postal code of this person"
    " would narrow down which hours those are.",
    "holiday": "Nothing: it goes after the holiday.",
    "frequency_cap": "Nothing: it goes when this person has had fewer texts.",
    "needs_review": "Somebody has to decide in the inbox whether a reply is an opt-out.",
    "paused": "Nothing: this person asked for the pause, and it goes when that ends.",
    "new_people_limit": "Nothing, or raise policies.limits in merchant.yaml.",
    "adjacent_numbers": "Somebody has to look at the newest recipients, and release the hold.",
    "spend_limit": "Raise policies.limits.spend in merchant.yaml, or wait for the next day.",
    "parked": "The operator has to repair an earlier event about this person.",
}


def change_needed(reason: str) -> str:
    """Return what would have to change; empty where a reason passes by itself."""
    return _CHANGES.get(reason, "")
