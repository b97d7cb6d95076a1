"""What the gate is asked about a text that is only considered: the person, the hour, and the ledger's last word."""

from collections.abc import Mapping
from typing import Any

from services.scheduler.runs.plan import PlannedText
from services.scheduler.runs.recipients import StoredRecipient
from shared.config.merchant import MerchantConfig
from shared.events.consent import ConsentChanged
from shared.events.follow_up import Purpose
from shared.events.trigger import Contact

LEAST_CLEARANCE_SECONDS = 60
"""What ends sooner is over, as the gate judges a text in service."""
_SILENT = "none"
"""The status of a scope of which nothing was ever said."""


def question(contact: Contact, text: PlannedText, person: StoredRecipient, config: MerchantConfig) -> dict[str, Any]:
    """Return what the gate would be asked, in the evaluation format; what is left out is unknown.

    Consent is what the ledger last told this service; texts already sent are not known here, so caps are not judged.
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
    """Return what is kept of the ledger's word: each scope's standing, in the words of the evaluation format."""
    return {
        "marketing": event.marketing.model_dump(mode="json"),
        "informational": event.informational.model_dump(mode="json"),
    }


def _consent(purpose: Purpose, consents: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the scope that counts; a marketing consent covers service texts of which nothing was said."""
    if consents is None:
        return {"status": _SILENT}
    informational: Mapping[str, Any] = consents["informational"]
    is_marketing = purpose is Purpose.MARKETING
    marketing: Mapping[str, Any] = consents["marketing"]
    bridged = informational["status"] == _SILENT and marketing["status"] != "revoked"
    return marketing if is_marketing or bridged else informational
