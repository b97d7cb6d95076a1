"""Rows of controls, alike in each service that obeys them, and the lock that makes a control certain.

A transaction that lets texts go holds the lock shared, one that puts a control in force or lifts it holds it alone.
So whatever goes after a control was committed has read it: on PostgreSQL a transaction that began before would not
(READ COMMITTED sees each statement's own instant). SQLite has one writer, and needs no lock.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from shared.controls import EVERY_MERCHANT, Control, ControlAction, ControlScope, ControlsInForce
from shared.db.transaction import Row, Transaction
from shared.db.types import Id, Instant
from shared.ids import MerchantId, RecipientId

_LOCK: Final = "hashtextextended(current_schema() || '.controls', 0)"
_SHARED: Final = sa.text(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")
_ALONE: Final = sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})")
OF_MANY: Final = "recipient_id IS NULL AND lifted_at IS NULL"
"""The controls in force that are about no single person: as many as a merchant has flows, steps, numbers, providers."""
_SCOPE: Final = ("flow", "step", "number", "provider", "recipient_id")


def columns_of(service: str) -> list[Any]:
    """Return the columns that each service has of a control, and the index by which those in force are found."""
    return [
        sa.Column("id", Id, primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("flow", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("provider", sa.Text),
        sa.Column("recipient_id", Id),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("until", Instant),
        sa.Column("lifted_at", Instant),
        sa.Index(f"ix_{service}_controls_in_force", "merchant_id", "lifted_at"),
        sa.Index(f"ix_{service}_controls_of_person", "recipient_id", "lifted_at"),
        sa.Index(
            f"ix_{service}_controls_of_many",
            "merchant_id",
            sqlite_where=sa.text(OF_MANY),
            postgresql_where=sa.text(OF_MANY),
        ),
    ]


async def lock_shared(db: Transaction) -> None:
    """Wait until no transaction that changes a control is under way, and keep others waiting until this one ends."""
    if db.dialect == "postgresql":
        await db.rows(_SHARED)


async def lock_alone(db: Transaction) -> None:
    """Wait until no transaction that lets texts go is under way, and keep others waiting until this one ends."""
    if db.dialect == "postgresql":
        await db.rows(_ALONE)


async def in_force(
    db: Transaction, table: sa.Table, people: Mapping[RecipientId, MerchantId], now: datetime
) -> ControlsInForce:
    """Return the controls on texts to these people, which stay as they are until the transaction ends.

    What a merchant decided about other people is not read: a thousand of those cost its neighbours nothing.
    """
    await lock_shared(db)
    merchants = [{"merchant_id": merchant} for merchant in sorted({*people.values(), EVERY_MERCHANT})]
    rows = await db.fetch_keys(table, merchants, among=OF_MANY)
    rows += await db.fetch(table, "recipient_id", sorted(people), since=("lifted_at", None))
    return ControlsInForce(map(control_of, rows), now)


def control_of(row: Row) -> Control:
    """Return the control in a row."""
    scope = ControlScope(MerchantId(row["merchant_id"]), **{name: row[name] for name in _SCOPE})
    return Control(row["id"], ControlAction(row["action"]), scope, row["made_at"], row["until"])


def row_of(control: Control, lifted_at: datetime | None) -> dict[str, Any]:
    """Return the columns of a control that every service has."""
    own = {"id": control.id, "action": control.action, "made_at": control.made_at, "until": control.until}
    return {**own, **control.scope._asdict(), "lifted_at": lifted_at}
