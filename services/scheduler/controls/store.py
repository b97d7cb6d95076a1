"""Rows of controls, and of the follow-ups that wait for one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.scheduler.lifecycle.follow_up import FollowUp
from services.scheduler.tables import controls, follow_ups, paused, pending_counts
from shared.controls import EVERY_MERCHANT, Control, ControlAction, ControlScope, ControlsInForce
from shared.db import control_store
from shared.db.transaction import Row, Transaction
from shared.ids import FollowUpId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import OPEN

BY_ITS_TIME: Final = "until"
"""Who lifted a control that ended at the time it was given."""
WORKED_OFF: Final = UUID(int=2**128 - 1)
"""`worked_to` of a stop that has gone through every follow-up."""
LOOKED_AT: Final = 20_000
"""How many of a merchant's newest follow-ups are looked at to say how many a control would concern."""
_SCOPE: Final = (controls.c.flow, controls.c.step, controls.c.number, controls.c.provider, controls.c.recipient_id)


class StoredControl(NamedTuple):
    """A control with what became of it."""

    control: Control
    reason: bytes
    """Sealed."""
    made_by: str
    in_force_at: datetime | None = None
    """When the sender obeyed it too; None: not yet."""
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    lift_reason: bytes | None = None
    let_go: int | None = None
    """Texts that its lifting let go on one person's word; None where it ended by its time or with a second person."""
    cancelled: int = 0
    worked_to: UUID | None = None
    """Up to which follow-up a stop has cancelled what waits."""
    open_work: bool = False
    """Whether the loop has something to do for it, now or at its end."""


class Concerned(NamedTuple):
    """How many follow-ups that have not ended a control would concern."""

    follow_ups: int
    is_exact: bool
    """False: at least so many, since only the newest were looked at."""


async def in_force(db: Transaction, people: Mapping[RecipientId, MerchantId], now: datetime) -> ControlsInForce:
    """Return the controls on follow-ups to these people, as they stay until the transaction ends."""
    return await control_store.in_force(db, controls, people, now)


async def seen_in_force(db: Transaction, merchant: MerchantId, now: datetime) -> ControlsInForce:
    """Return a merchant's controls about no single person, to be shown: without a lock, and so without a promise."""
    keys = [{"merchant_id": each} for each in sorted({merchant, EVERY_MERCHANT})]
    rows = await db.fetch_keys(controls, keys, among=control_store.OF_MANY)
    return ControlsInForce(map(control_store.control_of, rows), now)


async def save(db: Transaction, stored: StoredControl) -> None:
    """Insert a control."""
    own = stored._asdict()
    control = own.pop("control")
    await db.insert(controls, [{**control_store.row_of(control, own.pop("lifted_at")), **own}])


async def lift(db: Transaction, stored: StoredControl) -> None:
    """Write that a control is lifted, and nothing else of it: what was cancelled may be counted meanwhile."""
    names = ("lifted_at", "lifted_by", "lift_reason", "let_go", "open_work")
    await db.change(controls, [{"id": stored.control.id, **{name: getattr(stored, name) for name in names}}])


async def note_obeyed(db: Transaction, obeyed: Iterable[tuple[UUID, datetime]]) -> None:
    """Store when the sender first obeyed controls."""
    first = dict(sorted(obeyed, key=lambda each: each[1], reverse=True))
    known = await _loaded(db, [*first], lock=True)
    new = [key for key, stored in known.items() if stored.in_force_at is None]
    await db.change(controls, [{"id": key, "in_force_at": first[key]} for key in new])


async def load(db: Transaction, key: UUID) -> StoredControl | None:
    """Return one control; it may change meanwhile."""
    return (await _loaded(db, [key], lock=False)).get(key)


async def note_cancelled(db: Transaction, stored: StoredControl, cancelled: int, worked_to: UUID) -> None:
    """Store how far a stop has come, and how many it has ended more; one that was lifted meanwhile ends here."""
    table = controls.c
    stays_open = table.until.is_not(None) if worked_to == WORKED_OFF else sa.true()
    await db.execute(
        sa.update(controls)
        .where(table.id == stored.control.id, table.lifted_at.is_(None))
        .values(cancelled=table.cancelled + cancelled, worked_to=worked_to, open_work=stays_open)
    )


async def end_by_time(db: Transaction, stored: StoredControl) -> bool:
    """Lift a control at the time it was given; return whether this call did."""
    table = controls.c
    ends = sa.update(controls).where(table.id == stored.control.id, table.lifted_at.is_(None))
    return bool(await db.execute(ends.values(lifted_at=table.until, lifted_by=BY_ITS_TIME)))


async def close(db: Transaction, stored: StoredControl) -> None:
    """Store that nothing is left to do for a lifted control."""
    await db.change(controls, [{"id": stored.control.id, "open_work": False}])


async def find_in_force(db: Transaction, scope: ControlScope, now: datetime) -> list[StoredControl]:
    """Return the controls that are in force on exactly this scope."""
    wanted = [column.is_not_distinct_from(getattr(scope, column.name)) for column in _SCOPE]
    rows = await db.rows(sa.select(controls).where(*_is_in_force(scope.merchant_id, now), *wanted))
    return [_stored(row) for row in rows]


async def count_in_force(db: Transaction, merchant: MerchantId, now: datetime) -> int:
    """Return how many controls of a merchant are in force."""
    counted = sa.select(sa.func.count().label("n")).select_from(controls).where(*_is_in_force(merchant, now))
    return int((await db.rows(counted))[0]["n"])


async def let_go_since(db: Transaction, merchant: MerchantId, since: datetime) -> int:
    """Return how many texts of a merchant were let go on one person's word since then."""
    table = controls.c
    total = sa.select(sa.func.coalesce(sa.func.sum(table.let_go), 0).label("n"))
    found = await db.rows(total.where(table.merchant_id == merchant, table.lifted_at > since))
    return int(found[0]["n"])


async def load_in_force(db: Transaction, keys: Sequence[UUID], now: datetime) -> list[StoredControl]:
    """Return those of these controls that are in force."""
    known = (await _loaded(db, keys, lock=False)).values()
    return [each for each in known if each.lifted_at is None and not _has_ended(each.control, now)]


def _has_ended(control: Control, now: datetime) -> bool:
    return control.until is not None and control.until <= now


def _is_in_force(merchant: MerchantId, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    until = sa.or_(controls.c.until.is_(None), controls.c.until > now)
    return controls.c.merchant_id == merchant, controls.c.lifted_at.is_(None), until


async def newest(
    db: Transaction, merchant: MerchantId, *, only_in_force: bool, now: datetime, limit: int, before: UUID | None
) -> list[StoredControl]:
    """Return a merchant's controls and those on the whole installation, the newest first."""
    table = controls.c
    wanted = sa.select(controls).where(table.merchant_id.in_([merchant, EVERY_MERCHANT]))
    if only_in_force:
        wanted = wanted.where(table.lifted_at.is_(None), sa.or_(table.until.is_(None), table.until > now))
    if before is not None:
        wanted = wanted.where(table.id < before)
    return [_stored(row) for row in await db.rows(wanted.order_by(table.id.desc()).limit(limit))]


async def next_work(db: Transaction, now: datetime, after: str) -> StoredControl | None:
    """Return the oldest control of the next merchant after this one for which something can be done now."""
    table = controls.c
    unfinished = sa.and_(table.action == ControlAction.STOP, table.worked_to.is_distinct_from(WORKED_OFF))
    can_work = sa.or_(table.lifted_at.is_not(None), unfinished, table.until <= now)
    wanted = sa.select(controls).where(table.open_work.is_(True), can_work)
    first = wanted.order_by(table.merchant_id, table.id).limit(1)
    rows = await db.rows(first.where(table.merchant_id > after)) or await db.rows(first)
    return _stored(rows[0]) if rows else None


async def _loaded(db: Transaction, keys: Sequence[UUID], *, lock: bool) -> dict[UUID, StoredControl]:
    rows = await db.fetch(controls, "id", keys, lock="update" if lock else None)
    return {row["id"]: _stored(row) for row in rows}


def _stored(row: Row) -> StoredControl:
    own = {name: row[name] for name in StoredControl._fields if name != "control"}
    return StoredControl(control_store.control_of(row), **own)


async def pause(db: Transaction, waiting: Iterable[tuple[UUID, FollowUp]]) -> None:
    """Store which follow-up waits for which control."""
    rows = [{"control_id": control, "follow_up_id": follow_up.id} for control, follow_up in waiting]
    await db.insert_new(paused, rows)


async def waiting_for(db: Transaction, control: UUID, most: int) -> list[FollowUpId]:
    """Return up to so many follow-ups that wait for a control."""
    first = sa.select(paused.c.follow_up_id).where(paused.c.control_id == control)
    return [row["follow_up_id"] for row in await db.rows(first.order_by(paused.c.follow_up_id).limit(most))]


async def count_waiting(db: Transaction, keys: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many follow-ups wait for each of these controls, if any does."""
    counts = sa.select(paused.c.control_id, sa.func.count().label("n")).where(paused.c.control_id.in_(keys))
    return {row["control_id"]: row["n"] for row in await db.rows(counts.group_by(paused.c.control_id))}


async def controls_of(db: Transaction, follow_ups_: Sequence[UUID]) -> dict[UUID, tuple[UUID, datetime]]:
    """Return for which control each of these follow-ups waits, and when that was made."""
    waits = await db.fetch(paused, "follow_up_id", follow_ups_)
    known = await _loaded(db, sorted({row["control_id"] for row in waits}), lock=False)
    made_at = {key: stored.control.made_at for key, stored in known.items() if stored.lifted_at is None}
    found = [(row["follow_up_id"], row["control_id"]) for row in waits if row["control_id"] in made_at]
    return {follow_up: (key, made_at[key]) for follow_up, key in sorted(found, reverse=True)}


async def forget_waiting(db: Transaction, control: UUID, found: Iterable[FollowUpId]) -> None:
    """Delete the rows of follow-ups that wait for a control no longer."""
    await db.delete_keys(paused, [{"control_id": control, "follow_up_id": key} for key in sorted(found)])


async def follow_ups_after(
    db: Transaction, scope: ControlScope, after: UUID | None, *, look_at: int, most: int
) -> tuple[list[FollowUpId], UUID | None]:
    """Return, of a scope's merchant's next follow-ups, up to `most` that it is about and have not ended; and the last.

    The last is the one after which to go on, None where there are no more. At most `look_at` rows are looked at,
    whatever the scope leaves out.
    """
    table = follow_ups.c
    wanted = sa.select(table.id, _is_concerned(scope).label("concerned")).order_by(table.id).limit(look_at)
    if scope.merchant_id != EVERY_MERCHANT:
        wanted = wanted.where(table.merchant_id == scope.merchant_id)
    if after is not None:
        wanted = wanted.where(table.id > after)
    rows = await db.rows(wanted)
    found = [row["id"] for row in rows if row["concerned"]]
    if len(found) > most:
        return found[:most], found[most - 1]
    return found, rows[-1]["id"] if len(rows) == look_at else None


async def concerned(db: Transaction, scope: ControlScope) -> Concerned:
    """Return how many follow-ups that have not ended a control on this scope would concern."""
    counts, table = pending_counts.c, follow_ups.c
    if scope.step is None and scope.number is None and scope.provider is None and scope.recipient_id is None:
        total = sa.select(sa.func.coalesce(sa.func.sum(counts.texts), 0).label("n"))
        if scope.merchant_id != EVERY_MERCHANT:
            total = total.where(counts.merchant_id == scope.merchant_id)
        if scope.flow is not None:
            total = total.where(counts.flow == scope.flow)
        return Concerned(int((await db.rows(total))[0]["n"]), is_exact=True)
    newest_ = sa.select(_is_concerned(scope).label("concerned"))
    if scope.merchant_id != EVERY_MERCHANT:
        newest_ = newest_.where(table.merchant_id == scope.merchant_id)
    if scope.recipient_id is not None:
        newest_ = newest_.where(table.recipient_id == scope.recipient_id)
    looked_at = newest_.order_by(table.id.desc()).limit(LOOKED_AT).subquery()
    found = sa.func.count().filter(looked_at.c.concerned).label("n")
    row = (await db.rows(sa.select(found, sa.func.count().label("looked_at")).select_from(looked_at)))[0]
    return Concerned(row["n"], row["looked_at"] < LOOKED_AT)


def _is_concerned(scope: ControlScope) -> sa.ColumnElement[bool]:
    """Return the condition that a follow-up has not ended and is in a scope; providers are left to who knows them."""
    table = follow_ups.c
    wanted = {
        table.flow: scope.flow,
        table.step: scope.step,
        table.sender_number: scope.number,
        table.recipient_id: scope.recipient_id,
    }
    given = [column == value for column, value in wanted.items() if value is not None]
    return sa.and_(table.state.in_(sorted(OPEN)), *given)


async def forget_person(db: Transaction, recipient: RecipientId) -> int:
    """Delete the controls about a person who was erased and what waited for them, and return how many they were.

    Their texts have ended.
    """
    known = await db.fetch(controls, "recipient_id", [recipient], columns=("id",))
    await db.delete(paused, "control_id", [row["id"] for row in known])
    return await db.delete(controls, "recipient_id", [recipient])


async def forget_merchant(db: Transaction, merchant: MerchantId) -> int:
    """Delete the controls of a merchant that was erased and what waited for them, and return how many they were."""
    its = sa.select(controls.c.id).where(controls.c.merchant_id == merchant)
    await db.execute(sa.delete(paused).where(paused.c.control_id.in_(its)))
    return await db.execute(sa.delete(controls).where(controls.c.merchant_id == merchant))
