"""The question to the gate about a follow-up that is only considered: recipient, time and last known consent."""

from collections.abc import Mapping
from typing import Any

from services.scheduler.runs.plan import PlannedText
from services.scheduler.runs.recipients import StoredRecipient
from shared.config.merchant import MerchantConfig
from shared.events.consent import ConsentChanged
from shared.events.follow_up import Purpose
from shared.events.trigger import Contact

LEAST_CLEARANCE_SECONDS = 60
"""Less time than this counts as expired, as in the gate's verdicts."""
_NO_CLAIM = "none"
"""The status of a scope without any claim."""


def question(contact: Contact, text: PlannedText, person: StoredRecipient, config: MerchantConfig) -> dict[str, Any]:
    """Return the question in the evaluation format; what is left out is unknown.

    Consent is that of the last `consent.changed`; earlier follow-ups are not known here, so caps are not checked.
    """
    return {
        "to": contact.phone,
        "class": str(text.purpose),
        "now": text.due_at.isoformat(),
        "known": {
            "timezone": contact.time_zone,
            "state": contact.state,
            "postal_code": contact.postal_code,
            "country": contact.country,
        },
        "number": {"suppressed": person.suppressed not in {None, "opt_out"}},
        "consent": _consent(text.purpose, person.consents),
        "expires_at": None if text.expires_at is None else text.expires_at.isoformat(),
        "profile": str(config.policies.profile),
        "close_guard_seconds": config.policies.close_guard_seconds,
        "destinations": sorted(config.destinations()),
        "least_clearance_seconds": LEAST_CLEARANCE_SECONDS,
    }


def consents_of(event: ConsentChanged) -> dict[str, Any]:
    """Return each scope's standing as it is stored, in the words of the evaluation format."""
    return {
        "marketing": event.marketing.model_dump(mode="json"),
        "informational": event.informational.model_dump(mode="json"),
    }


def _consent(purpose: Purpose, consents: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the scope that counts; a marketing consent covers other purposes that have no claim of their own."""
    if consents is None:
        return {"status": _NO_CLAIM}
    informational: Mapping[str, Any] = consents["informational"]
    is_marketing = purpose is Purpose.MARKETING
    marketing: Mapping[str, Any] = consents["marketing"]
    bridged = informational["status"] == _NO_CLAIM and marketing["status"] != "revoked"
    return marketing if is_marketing or bridged else informational
