"""Rows of deliveries, and of the endpoints' turns.

A unit that changes a delivery that exists locks its endpoint's row first, so that `next_at` there is never later than
what is due.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.connectors.deliveries.states import DeliveryState
from services.connectors.tables import deliveries, endpoints, erased_people, mail_hours
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId, RecipientId

MOST_WAITING: Final = 10_000
"""Deliveries of one endpoint that wait at once; more are given up at once, and can be sent again."""
MOST_COUNTED: Final = 10_000
MOST_GIVEN_UP: Final = 1_000
"""How far those that were given up are counted."""
FULL: Final = "too_many_waiting"
_DEAD: Final = DeliveryState.DEAD.value


class EndpointKey(NamedTuple):
    """Which endpoint of which merchant."""

    merchant_id: MerchantId
    endpoint: str


@dataclass(frozen=True, slots=True)
class EndpointTurn:
    """When an endpoint may be called again, and how often in a row it failed."""

    key: EndpointKey
    not_before: datetime
    failures: int
    failing_since: datetime | None
    delivered_at: datetime | None = None
    """When it last took a notification."""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that this process attempts now."""

    id: UUID
    merchant_id: MerchantId
    kind: str
    body: bytes
    """Sealed."""
    attempts: int
    """This one included."""
    created_at: datetime
    tried_since: datetime


async def add(db: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add new deliveries, and let their endpoints take their turns; known ones stay as they are."""
    by_endpoint: dict[EndpointKey, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_endpoint.setdefault(EndpointKey(row["merchant_id"], row["endpoint"]), []).append(row)
    fresh = {"next_at": None, "failures": 0, "failing_since": None, "delivered_at": None}
    keys = sorted(by_endpoint)
    first = [{**key._asdict(), **fresh, "not_before": by_endpoint[key][0]["created_at"]} for key in keys]
    await db.insert_new(endpoints, first)
    for key in keys:
        made = by_endpoint[key]
        room = max(0, MOST_WAITING - await waiting(db, key, MOST_WAITING))
        await db.insert_new(deliveries, [*made[:room], *(_given_up(row) for row in made[room:])])
        await _due(db, key, made[0]["created_at"])


def _given_up(row: Mapping[str, Any]) -> Mapping[str, Any]:
    ended = {"state": _DEAD, "next_at": None, "ended_at": row["created_at"], "problem": FULL}
    return {**row, **ended, "detail": f"{MOST_WAITING} others wait for this endpoint"}


async def _due(db: Transaction, key: EndpointKey, at: datetime) -> None:
    """Let an endpoint take its turn at an instant, if it would not earlier; holds its row in any case."""
    is_later = endpoints.c.next_at.is_(None) | (endpoints.c.next_at > at)
    earlier = sa.case((is_later, sa.literal(at, endpoints.c.next_at.type)), else_=endpoints.c.next_at)
    await db.execute(sa.update(endpoints).where(*_is(endpoints, key)).values(next_at=earlier))


def _is(table: sa.Table, key: EndpointKey) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return table.c.merchant_id == key.merchant_id, table.c.endpoint == key.endpoint


async def waiting(db: Transaction, key: EndpointKey, most: int) -> int:
    """Return how many deliveries wait for an endpoint, counted up to `most`."""
    some = sa.select(deliveries.c.delivery_id).where(*_is(deliveries, key), deliveries.c.next_at.is_not(None))
    (row,) = await db.rows(sa.select(sa.func.count().label("n")).select_from(some.limit(most).subquery()))
    return int(row["n"])


async def given_up(db: Transaction, merchant: MerchantId) -> int:
    """Return how many deliveries of a merchant were given up and wait for a decision, at most `MOST_GIVEN_UP`."""
    dead = sa.select(deliveries.c.delivery_id).where(deliveries.c.merchant_id == merchant, deliveries.c.state == _DEAD)
    (row,) = await db.rows(sa.select(sa.func.count().label("n")).select_from(dead.limit(MOST_GIVEN_UP).subquery()))
    return int(row["n"])


async def ready(db: Transaction, now: datetime, most: int) -> list[EndpointTurn]:
    """Return endpoints that have something due and may be called, those first that waited longest for their turn."""
    due = endpoints.c.next_at <= now, endpoints.c.not_before <= now
    rows = await db.rows(sa.select(endpoints).where(*due).order_by(endpoints.c.not_before).limit(most))
    return [_turn(row) for row in rows]


def _turn(row: Row) -> EndpointTurn:
    key = EndpointKey(MerchantId(row["merchant_id"]), row["endpoint"])
    return EndpointTurn(key, row["not_before"], row["failures"], row["failing_since"], row["delivered_at"])


async def claim(
    db: Transaction, turn: EndpointTurn, now: datetime, until: datetime, most: int
) -> list[ClaimedDelivery]:
    """Take what is due of an endpoint until the lease ends; nothing where another process has its turn.

    The attempt counts from here: a process that dies in it leaves the delivery due at the end of the lease.
    """
    lease = {**turn.key._asdict(), "not_before": until, "was_not_before": turn.not_before}
    if not all(await db.change(endpoints, [lease], was=("not_before",))):
        return []
    due = sa.select(deliveries).where(*_is(deliveries, turn.key), deliveries.c.next_at <= now)
    rows = await db.rows(due.order_by(deliveries.c.next_at).limit(most))
    taken = [{"delivery_id": row["delivery_id"], "attempts": row["attempts"] + 1, "next_at": until} for row in rows]
    await db.change(deliveries, sorted(taken, key=lambda row: row["delivery_id"]))
    return [
        ClaimedDelivery(
            row["delivery_id"],
            MerchantId(row["merchant_id"]),
            row["kind"],
            bytes(row["body"]),
            row["attempts"] + 1,
            row["created_at"],
            row["tried_since"],
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """A delivery with its content in clear."""

    delivery: ClaimedDelivery
    body: bytes


@dataclass(frozen=True, slots=True)
class AttemptEffect:
    """What an attempt did to a delivery."""

    delivery: ClaimedDelivery
    state: DeliveryState
    next_at: datetime | None
    problem: str | None = None
    detail: str | None = None


async def finish(db: Transaction, turn: EndpointTurn, outcomes: Iterable[AttemptEffect], now: datetime) -> None:
    """Store what attempts did, and the endpoint's next turn; what was changed meanwhile stays so."""
    done = sorted(outcomes, key=lambda each: each.delivery.id)
    values: dict[str, Any] = {
        "not_before": turn.not_before,
        "failures": turn.failures,
        "failing_since": turn.failing_since,
    }
    if any(outcome.state is DeliveryState.DELIVERED for outcome in done):
        values["delivered_at"] = now
    await db.execute(sa.update(endpoints).where(*_is(endpoints, turn.key)).values(**values))
    for outcome in done:
        ended = outcome.state is not DeliveryState.PENDING
        change: dict[str, Any] = {
            "state": outcome.state.value,
            "next_at": outcome.next_at,
            "ended_at": now if ended else None,
            "problem": outcome.problem,
            "detail": outcome.detail,
        }
        if outcome.state is DeliveryState.DELIVERED:
            change["body"] = b""
        same = deliveries.c.attempts == outcome.delivery.attempts, deliveries.c.next_at.is_not(None)
        await db.execute(
            sa.update(deliveries).where(deliveries.c.delivery_id == outcome.delivery.id, *same).values(**change)
        )
    await _set_next_turn(db, turn.key)


async def _set_next_turn(db: Transaction, key: EndpointKey) -> None:
    first = sa.select(sa.func.min(deliveries.c.next_at)).where(*_is(deliveries, key), deliveries.c.next_at.is_not(None))
    await db.execute(sa.update(endpoints).where(*_is(endpoints, key)).values(next_at=first.scalar_subquery()))


async def hold(db: Transaction, turn: EndpointTurn, until: datetime) -> None:
    """Let an endpoint wait, if no other process has its turn."""
    held = {**turn.key._asdict(), "not_before": until, "was_not_before": turn.not_before}
    await db.change(endpoints, [held], was=("not_before",))


async def mails_in(db: Transaction, merchant: MerchantId, hour: datetime) -> int:
    """Return how many mails a merchant was sent in an hour; holds its count until the transaction ends."""
    await db.insert_new(mail_hours, [{"merchant_id": merchant, "hour": hour, "mails": 0}])
    (row,) = await db.fetch(mail_hours, "merchant_id", [merchant], lock="update")
    return int(row["mails"]) if row["hour"] == hour else 0


async def count_mails(db: Transaction, merchant: MerchantId, hour: datetime, mails: int) -> None:
    """Store how many mails a merchant was sent in an hour."""
    await db.change(mail_hours, [{"merchant_id": merchant, "hour": hour, "mails": mails}])


async def find(db: Transaction, merchant: MerchantId, delivery_id: UUID) -> Row | None:
    """Return a delivery of a merchant."""
    rows = await db.fetch(deliveries, "delivery_id", [delivery_id])
    return rows[0] if rows and rows[0]["merchant_id"] == merchant else None


async def redrive(db: Transaction, row: Row, now: datetime) -> bool:
    """Let a dead delivery be attempted again from now on; return whether it still was dead."""
    key = EndpointKey(MerchantId(row["merchant_id"]), row["endpoint"])
    await _due(db, key, now)
    values = {"state": DeliveryState.PENDING.value, "attempts": 0, "tried_since": now, "next_at": now, "ended_at": None}
    same = deliveries.c.delivery_id == row["delivery_id"], deliveries.c.state == _DEAD
    return bool(await db.execute(sa.update(deliveries).where(*same).values(**values)))


async def discard(db: Transaction, row: Row, now: datetime) -> bool:
    """End a pending or dead delivery; return whether it still was one."""
    key = EndpointKey(MerchantId(row["merchant_id"]), row["endpoint"])
    await _due(db, key, now)
    values = {"state": DeliveryState.DISCARDED.value, "next_at": None, "ended_at": now, "body": b""}
    open_states = deliveries.c.state.in_([DeliveryState.PENDING.value, _DEAD])
    same = deliveries.c.delivery_id == row["delivery_id"], open_states
    return bool(await db.execute(sa.update(deliveries).where(*same).values(**values)))


async def newest(
    db: Transaction, merchant: MerchantId, state: DeliveryState | None, before: UUID | None, limit: int
) -> list[Row]:
    """Return deliveries of a merchant, the newest first."""
    wanted = sa.select(*(column for column in deliveries.c if column.name != "body"))
    wanted = wanted.where(deliveries.c.merchant_id == merchant)
    if state is not None:
        wanted = wanted.where(deliveries.c.state == state.value)
    if before is not None:
        wanted = wanted.where(deliveries.c.delivery_id < before)
    return await db.rows(wanted.order_by(deliveries.c.delivery_id.desc()).limit(limit))


async def turns_of(db: Transaction, merchant: MerchantId) -> dict[str, EndpointTurn]:
    """Return the stored turns of a merchant's endpoints, by name."""
    turns = [_turn(row) for row in await db.fetch(endpoints, "merchant_id", [merchant])]
    return {turn.key.endpoint: turn for turn in turns}


async def count_failing(db: Transaction, least: int) -> int:
    """Return how many endpoints with something waiting failed at least so often in a row."""
    failing = endpoints.c.failures >= least, endpoints.c.next_at.is_not(None)
    (row,) = await db.rows(sa.select(sa.func.count().label("n")).select_from(endpoints).where(*failing))
    return int(row["n"])


async def erased_among(db: Transaction, people: Sequence[RecipientId]) -> dict[RecipientId, datetime]:
    """Return which of these people were erased, and when."""
    rows = await db.fetch(erased_people, "recipient_id", people)
    return {RecipientId(row["recipient_id"]): row["erased_at"] for row in rows}
