"""What every service does when a person uses a right: strip what waits, certify what was blanked, hand over copies.

Source: GDPR articles 15, 17 and 20; design section 6, privacy.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import orjson

from shared import aad, ids
from shared.aad import AssociatedData
from shared.bus.router import Router
from shared.db.reseal import PlaceOf
from shared.db.system_tables import SystemTables
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Undecodable, Unsealable
from shared.events.consent import MerchantClosed, PrivacyRequested, PrivacyRight, RecipientErased
from shared.events.envelope import Event, Part, decode, encode, sealed_fields
from shared.events.privacy import PrivacyErased, PrivacyExported
from shared.events.registry import registry
from shared.ids import EventId, MerchantId, RecipientId
from shared.privacy import Sealer

SHOP_ERASURE: Final = "shop_redact"
"""The reason of a closing that asks for everything of the shop to be forgotten, 48 hours after it left."""
_PIECE_BYTES: Final = 256 * 1024
"""Below the largest message of a broker (1 MB) once sealed and written in base64."""

_NOTHING: Final[Mapping[str, PlaceOf]] = {}

Tables: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table, ready to be written as JSON."""


def certify(
    uow: UnitOfWork, system_tables: SystemTables, cause: RecipientErased | MerchantClosed, rows: Mapping[str, int]
) -> None:
    """Publish what this service blanked, if a certificate is kept for the request."""
    request = cause.event_id if isinstance(cause, MerchantClosed) else cause.request_id
    if request is None:
        return
    uow.publish(
        PrivacyErased(
            event_id=EventId(ids.derived(PrivacyErased.type, request, system_tables.service, at=cause.occurred_at)),
            merchant_id=cause.merchant_id,
            recipient_id=cause.recipient_id,
            occurred_at=uow.now,
            correlation_id=cause.correlation_id,
            request_id=request,
            service=system_tables.service,
            rows=dict(rows),
        )
    )


async def strip_parked(
    db: Transaction, system_tables: SystemTables, recipient: RecipientId, drop: Iterable[type[Event]] = ()
) -> int:
    """Take the sealed parts out of a person's parked events, and return how many there were.

    Events of the types in `drop`, which mean nothing without their sealed parts, are deleted.
    """
    rows = await db.fetch(system_tables.parked, "recipient_id", [recipient], columns=("id", "type", "body"))
    dropped = {kind.type for kind in drop}
    await db.delete(system_tables.parked, "id", [row["id"] for row in rows if row["type"] in dropped])
    kept = [row for row in rows if row["type"] not in dropped]
    await db.change(system_tables.parked, [{"id": row["id"], "body": _stripped(row)} for row in kept])
    return len(rows)


def _stripped(row: Row) -> bytes:
    """Return an event's body without its sealed parts; what cannot be read is left empty."""
    kind = registry().get(row["type"])
    if kind is None:
        return b""
    try:
        return encode(stripped(decode(kind, bytes(row["body"]))))
    except Undecodable:
        return b""


def stripped(event: Event) -> Event:
    """Return an event without its sealed parts: absent where it may be, else empty."""
    changed = _without(event, sealed_fields(type(event)))
    if not isinstance(changed, Event):  # pragma: no cover - a part of an event never comes in here
        raise TypeError
    return changed


def _without(part: Part, sealed: Mapping[str, Any]) -> Part:
    emptied: dict[str, Any] = {}
    for name, inner in sealed.items():
        value = getattr(part, name)
        if inner is True:
            emptied[name] = b"" if type(part).model_fields[name].is_required() else None
        elif isinstance(value, Part):
            emptied[name] = _without(value, inner)
    return part.model_copy(update=emptied)


@dataclass(frozen=True, slots=True)
class Exports:
    """Answers requests for a copy of everything one service holds about a person, which `held` returns."""

    system_tables: SystemTables
    sealer: Sealer
    held: Callable[[Transaction, PrivacyRequested, Sealer], Awaitable[Tables]]

    async def answer(self, requests: Sequence[PrivacyRequested], uow: UnitOfWork) -> None:
        """Hand over what is held about each person who asked for a copy; skip other requests."""
        for request in requests:
            if request.right is PrivacyRight.EXPORT:
                tables = await self.held(uow.db, request, self.sealer)
                hand_over(uow, self.system_tables, request, tables, self.sealer)


class PrivacyHandlers:
    """Handlers of erasures, closings and export requests, for a service that has nothing to stop.

    `blank_recipient` and `blank_merchant` blank what is held about a person or a merchant, and return the rows by
    table; both are idempotent. `held` returns everything held about the person who asks for a copy.
    """

    def __init__(
        self,
        system_tables: SystemTables,
        sealer: Sealer,
        blank_recipient: Callable[[Transaction, RecipientId], Awaitable[Mapping[str, int]]],
        blank_merchant: Callable[[Transaction, MerchantId], Awaitable[Mapping[str, int]]],
        held: Callable[[Transaction, PrivacyRequested, Sealer], Awaitable[Tables]],
    ) -> None:
        self._system_tables = system_tables
        self._blank_recipient = blank_recipient
        self._blank_merchant = blank_merchant
        self.export = Exports(system_tables, sealer, held).answer

    def register(self, router: Router) -> None:
        """Add the handlers to a router."""
        router.on(RecipientErased)(self.erase_recipients)
        router.on(MerchantClosed)(self.erase_merchants)
        router.on(PrivacyRequested)(self.export)

    async def erase_recipients(self, erasures: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Blank what is held about erased people."""
        for erasure in erasures:
            certify(uow, self._system_tables, erasure, await self._blank_recipient(uow.db, erasure.recipient_id))

    async def erase_merchants(self, closings: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
        """Blank everything of merchants that asked for erasure; one that only left keeps its data until it asks."""
        for closing in closings:
            if closing.reason == SHOP_ERASURE:
                certify(uow, self._system_tables, closing, await self._blank_merchant(uow.db, closing.merchant_id))


def hand_over(
    uow: UnitOfWork, system_tables: SystemTables, request: PrivacyRequested, tables: Tables, sealer: Sealer
) -> None:
    """Publish everything a service holds about a person, sealed again, in pieces a broker takes."""
    whole = orjson.dumps({str(table): rows for table, rows in tables.items()})
    pieces = [whole[start : start + _PIECE_BYTES] for start in range(0, len(whole), _PIECE_BYTES)]
    for number, piece in enumerate(pieces, start=1):
        identity = (request.event_id, system_tables.service, number)
        uow.publish(
            PrivacyExported(
                event_id=EventId(ids.derived(PrivacyExported.type, *identity, at=request.occurred_at)),
                merchant_id=request.merchant_id,
                recipient_id=request.recipient_id,
                occurred_at=uow.now,
                correlation_id=request.correlation_id,
                request_id=request.event_id,
                service=system_tables.service,
                part=number,
                parts=len(pieces),
                body=sealer.seal(request.merchant_id, aad.copy_piece(*identity), piece),
            )
        )


async def parked_rows(
    db: Transaction, system_tables: SystemTables, recipient: RecipientId, sealer: Sealer
) -> list[dict[str, Any]]:
    """Return a person's parked events, opened, for an export."""
    found = []
    for row in await db.fetch(system_tables.parked, "recipient_id", [recipient]):
        held: dict[str, Any] = {"type": row["type"], "parked_at": _plain(row["parked_at"])}
        kind = registry().get(row["type"])
        try:
            event = decode(kind, bytes(row["body"])) if kind is not None else None
        except Undecodable:
            event = None
        found.append({**held, "event": _opened_event(event, sealer) if event else None})
    return found


def _opened_event(event: Event, sealer: Sealer) -> dict[str, Any]:
    """Return an event as plain values, its sealed fields opened."""
    return _opened_part(event, sealer, event.merchant_id, event.associated_data())


def _opened_part(
    part: Part, sealer: Sealer, merchant: MerchantId, places_of: Mapping[str, AssociatedData]
) -> dict[str, Any]:
    sealed = sealed_fields(type(part))
    plain: dict[str, Any] = orjson.loads(part.model_dump_json(exclude={*sealed}, exclude_none=True))
    for name in sealed:
        value = getattr(part, name)
        if isinstance(value, Part):
            plain[name] = _opened_part(value, sealer, merchant, places_of)
        elif value:
            plain[name] = opened(value, sealer, merchant, places_of[name])
    return plain


def opened_rows(
    rows: Iterable[Row], sealer: Sealer, merchant: MerchantId, sealed: Mapping[str, PlaceOf] = _NOTHING
) -> list[dict[str, Any]]:
    """Return rows as plain values, the sealed columns opened; what was blanked stays out."""
    return [dict(_opened_row(row, sealer, merchant, sealed)) for row in rows]


def _opened_row(
    row: Row, sealer: Sealer, merchant: MerchantId, sealed: Mapping[str, PlaceOf]
) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if name in sealed:
            if value:
                yield str(name), opened(bytes(value), sealer, merchant, sealed[name](row))
        elif value is not None:
            yield str(name), _plain(value)


def opened(value: bytes, sealer: Sealer, merchant: MerchantId, place: AssociatedData) -> Any:
    """Return what a sealed value holds: its JSON, or its text where it is none."""
    try:
        clear = sealer.open(merchant, place, value)
    except Unsealable:
        return "(does not open: its key is gone, or it was changed)"
    try:
        return orjson.loads(clear)
    except orjson.JSONDecodeError:
        return clear.decode("utf-8", errors="replace")


def _plain(value: Any) -> Any:
    """Return a column's value as JSON can hold it."""
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
        case _:
            return value
