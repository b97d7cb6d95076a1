"""Retention: once a day, rows that are old enough are deleted, in slices; the ledger and opt-outs never are.

Source: compliance section 3 (opt-outs never expire) and section 11 (verdicts five years); GDPR article 5(1)(e).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.compliance.settings import ComplianceSettings
from services.compliance.tables import (
    audit_tables,
    certificates,
    decisions,
    export_parts,
    privacy_requests,
    send_slots,
    spending,
    system_tables,
)
from shared.db.audit_store import audit_bounds_of, audit_sweeps
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, kept_forever, swept_after
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.ids import first_id

_DAY_SECONDS: Final = 86_400.0
_SPENDING_DAYS: Final = 3
"""Only today counts; the days before explain why a text waited."""

BOUNDS: Final[Sequence[TableBound]] = (
    kept_forever("compliance_consent_ledger", "an act of consent", "it is the proof, and its chain must stay whole"),
    kept_forever("compliance_standings", "a person", "a STOP never expires"),
    kept_forever("compliance_erasures", "an erased person", "claims that arrive late must lose their evidence"),
    kept_forever("compliance_preferences", "a person who chose a pause or fewer texts", "the choice stays in force"),
    kept_forever("compliance_revoked_links", "a person whose links were revoked", "no such link may open again"),
    kept_forever("compliance_daily_roots", "a merchant and day", "each signs the one before"),
    few_rows("compliance_closed_merchants", "a shop that left"),
    few_rows("compliance_newcomers", "a merchant"),
    swept_after(spending, "a merchant, day and share of the processes", "three days"),
    swept_after(decisions, "a verdict", "FOLLOWUP_COMPLIANCE_DECISION_DAYS"),
    swept_after(send_slots, "a text that counts towards caps", "FOLLOWUP_COMPLIANCE_HISTORY_DAYS"),
    swept_after(export_parts, "a piece of a copy", "FOLLOWUP_COMPLIANCE_EXPORT_DAYS"),
    swept_after(privacy_requests, "a request", "FOLLOWUP_COMPLIANCE_REQUEST_DAYS"),
    swept_after(certificates, "a request and service", "FOLLOWUP_COMPLIANCE_REQUEST_DAYS"),
    *audit_bounds_of(audit_tables),
    *bounds_of(system_tables),
)
"""Every table of compliance, and what limits its size."""


def sweeps(now: datetime, settings: ComplianceSettings) -> list[Sweep]:
    """Return what is deleted now: which rows, by which age, under which setting."""
    copied, judged = now - timedelta(days=settings.export_days), now - timedelta(days=settings.decision_days)
    asked, counted = now - timedelta(days=settings.request_days), now - timedelta(days=settings.history_days)
    went = sa.or_(send_slots.c.sent_at.is_(None), send_slots.c.sent_at < counted)
    parts = export_parts.c
    return [
        Sweep(parts.request_id, first_id(copied), parts.handed_over_at < copied),
        Sweep(decisions.c.follow_up_id, first_id(judged), decisions.c.decided_at < judged),
        Sweep(send_slots.c.follow_up_id, first_id(counted), sa.and_(send_slots.c.reserved_at < counted, went)),
        Sweep(spending.c.day, now - timedelta(days=_SPENDING_DAYS)),
        Sweep(privacy_requests.c.request_id, first_id(asked), privacy_requests.c.requested_at < asked),
        Sweep(certificates.c.request_id, first_id(asked), certificates.c.erased_at < asked),
        *audit_sweeps(audit_tables, now),
    ]


async def step(units: UnitOfWorkRunner, settings: ComplianceSettings) -> float:
    """Delete old rows, and return the seconds until the next step."""
    await swept(units, sweeps(units.clock.now(), settings))
    return _DAY_SECONDS
