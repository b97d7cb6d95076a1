"""Rows of the controls that the sender obeys."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.sender.recipient_store import find_recipients
from services.sender.tables import controls
from shared.controls import ControlsInForce
from shared.db import control_store
from shared.db.transaction import Transaction
from shared.events.control import ControlChanged
from shared.ids import MerchantId, RecipientId


async def save_changes(db: Transaction, events: Sequence[ControlChanged]) -> None:
    """Store controls as they were made and lifted; what was lifted stays lifted, in whichever order that is heard.

    Of a person who was erased nothing is stored: a partition may bring their control after another their erasure.
    """
    named = {event.scope.recipient_id for event in events if event.scope.recipient_id is not None}
    people = await find_recipients(db, named)
    erased = {key for key, person in people.items() if person.erased_at is not None}
    about = [event for event in events if event.scope.recipient_id not in erased]
    in_order = sorted(about, key=lambda event: event.lifted_at is not None)
    rows = {event.control_id: control_store.row_of(event.control, event.lifted_at) for event in in_order}
    is_new = await db.insert_new(controls, [{**row, "obeyed_at": None} for row in rows.values()])
    lifted = [row for row, new in zip(rows.values(), is_new, strict=True) if row["lifted_at"] is not None and not new]
    await db.change(controls, [{"id": row["id"], "lifted_at": row["lifted_at"]} for row in lifted])


async def in_force(db: Transaction, people: Mapping[RecipientId, MerchantId], now: datetime) -> ControlsInForce:
    """Return the controls on texts to these people, as they stay until the transaction ends."""
    return await control_store.in_force(db, controls, people, now)


async def not_answered(db: Transaction, most: int) -> list[tuple[UUID, MerchantId]]:
    """Return controls about which the scheduler does not know yet that they are obeyed, with their merchants."""
    wanted = sa.select(controls.c.id, controls.c.merchant_id).where(controls.c.obeyed_at.is_(None))
    rows = await db.rows(wanted.order_by(controls.c.id).limit(most))
    return [(row["id"], MerchantId(row["merchant_id"])) for row in rows]


async def note_obeyed(db: Transaction, keys: Iterable[UUID], at: datetime) -> None:
    """Store since when controls are certain to be obeyed."""
    await db.change(controls, [{"id": key, "obeyed_at": at} for key in sorted(keys)])


async def forget_person(db: Transaction, recipient: RecipientId) -> int:
    """Delete the controls about a person who was erased, and return how many they were."""
    return await db.delete(controls, "recipient_id", [recipient])
