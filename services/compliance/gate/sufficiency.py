"""Whether what the ledger holds suffices for a purpose, under every law that applies."""

from collections.abc import Iterable
from datetime import datetime

from services.compliance.gate.inputs import Consent
from services.compliance.gate.verdicts import Reason
from shared.events.follow_up import Purpose
from shared.rules.table import ConsentStatus, RuleTable

_NOTHING = frozenset({ConsentStatus.NONE, ConsentStatus.UNKNOWN})


def shortfall(
    consent: Consent, purpose: Purpose, countries: Iterable[str], now: datetime, rules: RuleTable
) -> Reason | None:
    """Return why the consent does not suffice for this purpose; None if it does.

    Pending is never consent. If the number's country and the known country differ, the consent must satisfy both.
    Implied consent always has an end: without `expires_at` it is not accepted for marketing (CASL, section 10).

    Source: compliance section 1, check 8, and `consent_rules` of the table.
    """
    if rules.purposes[purpose].consent is None:
        return None
    if consent.status in _NOTHING:
        return Reason.NO_CONSENT
    if consent.status is ConsentStatus.PENDING:
        return Reason.CONSENT_PENDING
    if consent.status is ConsentStatus.EXPIRED or (consent.expires_at is not None and consent.expires_at <= now):
        return Reason.CONSENT_EXPIRED
    endless = consent.status is ConsentStatus.IMPLIED and consent.expires_at is None
    if purpose is Purpose.MARKETING and endless:
        return Reason.CONSENT_INSUFFICIENT
    if any(consent.status not in rules.accepted(purpose, country) for country in countries):
        return Reason.CONSENT_INSUFFICIENT
    return None
