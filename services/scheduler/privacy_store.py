"""Rows that hold what the scheduler knows about a person: read for an export, blanked for an erasure."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from services.scheduler.approvals import store as approval_store
from services.scheduler.controls import store as control_store
from services.scheduler.sealed import SEALED, SEALED_FOR_GOOD
from services.scheduler.tables import (
    approvals,
    audit_tables,
    controls,
    enrollments,
    entries,
    follow_ups,
    recipients,
    state_changes,
    system_tables,
    triggers_seen,
)
from shared import rights
from shared.db import audit_store
from shared.db.transaction import Transaction
from shared.events.consent import PrivacyRequested
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer

_BLANK: Final[Mapping[str, None]] = {"body": None, "contact": None, "facts": None, "subject": None}
BLANK_COUNTERS: Final[Mapping[str, Any]] = {
    "orders": 0,
    "total_spent_minor": 0,
    "last_order_at": None,
    "replied_at": None,
    "replied_to": None,
    "contact": None,
}
"""The counters of a recipient after erasure, and their last reply."""


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person of a request, opened."""
    person, merchant = [request.recipient_id], request.merchant_id
    planned = await db.fetch(follow_ups, "recipient_id", person)
    runs = await db.fetch(enrollments, "id", sorted({row["enrollment_id"] for row in planned}))
    states = await db.fetch(state_changes, "follow_up_id", [row["id"] for row in planned])
    triggers = await db.fetch(triggers_seen, "recipient_id", person)
    return {
        recipients.name: rights.opened_rows(
            await db.fetch(recipients, "id", person), sealer, merchant, SEALED[recipients]
        ),
        enrollments.name: rights.opened_rows(runs, sealer, merchant),
        entries.name: rights.opened_rows(await db.fetch(entries, "recipient_id", person), sealer, merchant),
        follow_ups.name: rights.opened_rows(planned, sealer, merchant, SEALED[follow_ups]),
        state_changes.name: rights.opened_rows(
            sorted(states, key=lambda row: (row["follow_up_id"], row["number"])), sealer, merchant
        ),
        controls.name: rights.opened_rows(
            await db.fetch(controls, "recipient_id", person), sealer, merchant, SEALED[controls]
        ),
        triggers_seen.name: rights.opened_rows(triggers, sealer, merchant, SEALED[triggers_seen]),
        audit_tables.entries.name: rights.opened_rows(
            await audit_store.about_person(db, audit_tables, request.recipient_id),
            sealer,
            merchant,
            SEALED_FOR_GOOD[audit_tables.entries],
        ),
        system_tables.parked.name: await rights.parked_rows(db, system_tables, request.recipient_id, sealer),
    }


async def blank_recipient(db: Transaction, recipient: RecipientId) -> dict[str, int]:
    """Blank what is kept of a person whose follow-ups have ended; return how many rows of each table it was."""
    columns = ("id", "enrollment_id", *_BLANK)
    planned = await db.fetch(follow_ups, "recipient_id", [recipient], columns=columns)
    full = sorted(row["id"] for row in planned if any(row[name] is not None for name in _BLANK))
    await db.change(follow_ups, [{"id": key, **_BLANK} for key in full])
    runs = await db.fetch(enrollments, "id", [row["enrollment_id"] for row in planned], columns=("id", "subject"))
    named = sorted(row["id"] for row in runs if row["subject"] is not None)
    await db.change(enrollments, [{"id": key, "subject": None} for key in named])
    return {
        follow_ups.name: len(full),
        enrollments.name: len(named),
        controls.name: await control_store.forget_person(db, recipient),
        triggers_seen.name: await db.delete(triggers_seen, "recipient_id", [recipient]),
        **await audit_store.blank_person(db, audit_tables, recipient),
        system_tables.parked.name: await rights.strip_parked(db, system_tables, recipient),
    }


async def blank_merchant(db: Transaction, merchant: MerchantId) -> dict[str, int]:
    """Blank what is kept of every recipient of a merchant whose follow-ups have ended. Rare; scans the tables."""
    its = follow_ups.c.merchant_id == merchant
    full = sa.or_(follow_ups.c.body.is_not(None), follow_ups.c.subject.is_not(None))
    named = sa.and_(enrollments.c.merchant_id == merchant, enrollments.c.subject.is_not(None))
    counters = sa.update(recipients).where(recipients.c.merchant_id == merchant).values(**BLANK_COUNTERS)
    parked = system_tables.parked
    return {
        follow_ups.name: await db.execute(sa.update(follow_ups).where(its, full).values(**_BLANK)),
        enrollments.name: await db.execute(sa.update(enrollments).where(named).values(subject=None)),
        recipients.name: await db.execute(counters),
        controls.name: await control_store.forget_merchant(db, merchant),
        approvals.name: await approval_store.forget_merchant(db, merchant),
        triggers_seen.name: await db.execute(sa.delete(triggers_seen).where(triggers_seen.c.merchant_id == merchant)),
        **await audit_store.blank_reasons(db, audit_tables, merchant),
        parked.name: await db.execute(sa.delete(parked).where(parked.c.merchant_id == merchant)),
    }
