"""`/v1/parked/{service}`: events that a service could not handle, handled again or discarded while it runs."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, NamedTuple
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.bus import parked
from shared.bus.parked import MOST_COUNTED, HandOver
from shared.bus.router import Router
from shared.config.model import Flag, Whole
from shared.controls import EVERY_MERCHANT
from shared.db.system_tables import SystemTables
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem
from shared.http.strict_json import StrictRoute
from shared.ids import MerchantId, RecipientId

MOST_AT_ONCE: Final = 100
_NO_MERCHANT: Final = ""
_LARGEST_ID: Final = 2**63 - 1

Reader = Annotated[Caller, Depends(requires("operations:read"))]
Decider = Annotated[Caller, Depends(requires("operations:write"))]
EventNumber = Annotated[Whole, Field(ge=1, le=_LARGEST_ID)]
EventNumbers = Annotated[list[EventNumber], Field(min_length=1, max_length=MOST_AT_ONCE)]
_OF_NO_MERCHANT = (
    "Instead of the merchant's: events that cannot be read, so that nobody knows whose they are; for the operator."
)


class ParkedEventView(BaseModel):
    """An event that could not be handled, or that waits behind one."""

    id: int
    event_id: UUID | None = Field(description="Null for a text that the service set aside, or where it is unreadable.")
    type: str
    topic: str = Field(description="Empty for a text that the service set aside.")
    recipient_id: UUID = Field(description="The key: events of one recipient are handled in order.")
    reason: str
    is_behind: bool = Field(description="It did not fail itself: it waits behind an earlier one of its recipient.")
    parked_at: datetime
    attempts: int = Field(description="Redrives at which it failed again.")
    tried_at: datetime | None


class ParkedPage(BaseModel):
    """The oldest first."""

    service: str
    parked: list[ParkedEventView]
    count: int = Field(description=f"How many there are in all; {MOST_COUNTED} stands for that many or more.")
    next_cursor: int | None


class ParkedRedriveBody(BaseModel):
    """Which events are handled again: named ones, those of a recipient, or all, in order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"ids": [17]}]},
    )

    ids: EventNumbers | None = None
    recipient_id: UUID | None = None
    everything: Flag = False
    after: Annotated[Whole, Field(ge=0, le=_LARGEST_ID)] = Field(
        default=0, description="With `recipient_id` or `everything`: `next` of the answer before."
    )
    of_no_merchant: Flag = Field(default=False, description=_OF_NO_MERCHANT)

    @model_validator(mode="after")
    def _names_some(self) -> "ParkedRedriveBody":
        if [self.ids is not None, self.recipient_id is not None, self.everything].count(True) != 1:
            raise ValueError("name ids, or recipient_id, or everything: true")
        if self.after and self.ids is not None:
            raise ValueError("after belongs to recipient_id or everything")
        return self


class ParkedRedriven(BaseModel):
    """What became of an event that was to be handled again."""

    id: int
    outcome: HandOver = Field(
        description="`processed`; `failed`: again, it stays; `behind`: an earlier one of its recipient stays; `gone`: "
        "somebody was faster."
    )
    reason: str | None


class ParkedRedriveAnswer(BaseModel):
    """What became of each, in order."""

    service: str
    events: list[ParkedRedriven]
    next: int | None = Field(description="Go on with this `after`; null once all were tried.")


class ParkedDiscardBody(BaseModel):
    """Which events are discarded, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"ids": [17], "reason": "it was a test"}]},
    )

    ids: EventNumbers
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    of_no_merchant: Flag = Field(default=False, description=_OF_NO_MERCHANT)


class ParkedDiscarded(BaseModel):
    """The events that were discarded; those that were not parked are left out."""

    service: str
    ids: list[int]


class ParkedParts(NamedTuple):
    """What the routes of a service work with."""

    units: UnitOfWorkRunner
    system_tables: SystemTables
    router: Router
    audit: AuditLog


def create_parked_router(
    units: UnitOfWorkRunner, system_tables: SystemTables, router: Router, audit: AuditLog
) -> APIRouter:
    """Return the routes of a service's parked events, which its `router` handles again."""
    endpoints = ParkedEndpoints(ParkedParts(units, system_tables, router, audit))
    service, routes = system_tables.service, APIRouter(tags=["parked events"], route_class=StrictRoute)
    path = f"/v1/parked/{service}"
    routes.get(path, summary=f"List events that {service} could not handle, the oldest first")(endpoints.listed)
    routes.post(f"{path}/redrive", summary=f"Let {service} handle parked events again, in order")(endpoints.redrive)
    routes.post(f"{path}/discard", summary=f"Discard parked events of {service}, with a reason")(endpoints.discard)
    return routes


@dataclass(frozen=True, slots=True)
class ParkedEndpoints:
    """Answers for the merchant of the caller; another merchant's events are never found."""

    parts: ParkedParts

    async def listed(
        self,
        caller: Reader,
        limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 50,
        cursor: Annotated[int, Query(ge=0, le=_LARGEST_ID, description="`next_cursor` of the page before.")] = 0,
        of_no_merchant: Annotated[bool, Query(description=_OF_NO_MERCHANT)] = False,  # noqa: FBT002 - a query parameter
    ) -> ParkedPage:
        """List parked events: which, of what type, since when and why; nothing of what they hold."""
        merchant, tables = _asked(caller, of_no_merchant=of_no_merchant), self.parts.system_tables

        async def work(db: Transaction) -> tuple[list[Row], int]:
            found = await parked.page(db, tables, merchant, cursor, limit + 1)
            return found, await parked.count(db, tables, merchant)

        found, count = await self.parts.units.read(work)
        return ParkedPage(
            service=tables.service,
            parked=[_view(row) for row in found[:limit]],
            count=count,
            next_cursor=found[limit - 1]["id"] if len(found) > limit else None,
        )

    async def redrive(self, body: ParkedRedriveBody, caller: Decider) -> ParkedRedriveAnswer:
        """Handle events again, each in a unit of its own, the oldest first; one that fails again keeps no other's."""
        merchant, (units, tables, router, _) = _asked(caller, of_no_merchant=body.of_no_merchant), self.parts
        wanted = sorted(set(body.ids or ()))
        if body.ids is None:
            recipient, after = body.recipient_id, body.after
            rows = await units.read(lambda db: parked.page(db, tables, merchant, after, MOST_AT_ONCE, recipient))
            wanted = [row["id"] for row in rows]
        else:
            own = await units.read(lambda db: db.fetch(tables.parked, "id", wanted, columns=("id", "merchant_id")))
            wanted = sorted(row["id"] for row in own if row["merchant_id"] == merchant)

        def note(uow: UnitOfWork, row: Row) -> None:
            self._note(uow, caller, row, AuditAction.EVENT_REDRIVEN, None)

        done = [await parked.hand_over(units, tables, router, key, note) for key in wanted]
        return ParkedRedriveAnswer(
            service=tables.service,
            events=[ParkedRedriven(**each._asdict()) for each in done],
            next=wanted[-1] if body.ids is None and len(wanted) == MOST_AT_ONCE else None,
        )

    async def discard(self, body: ParkedDiscardBody, caller: Decider) -> ParkedDiscarded:
        """Delete events without handling them; never those about consent and rights."""
        merchant, tables = _asked(caller, of_no_merchant=body.of_no_merchant), self.parts.system_tables

        async def work(uow: UnitOfWork) -> list[int]:
            found = await parked.discard(uow, tables, merchant, body.ids)
            for row in found:
                self._note(uow, caller, row, AuditAction.EVENT_DISCARDED, body.reason)
            return [row["id"] for row in found]

        try:
            gone = await self.parts.units.run(work, WritePriority.BATCHES)
        except parked.NotDiscardable as fault:
            detail = "an event about consent or rights may be somebody's withdrawal: mend the cause and redrive it"
            raise HTTPProblem(HTTPStatus.CONFLICT, fault.code, detail) from None
        return ParkedDiscarded(service=tables.service, ids=gone)

    def _note(self, uow: UnitOfWork, caller: Caller, row: Row, action: AuditAction, reason: str | None) -> None:
        """Enter what is done with a parked event into the audit log."""
        subject = AuditSubject(AuditSubjectKind.EVENT, str(_event_id(row) or f"parked {row['id']}"))
        merchant = MerchantId(row["merchant_id"]) if row["merchant_id"] else EVERY_MERCHANT
        recipient = RecipientId(row["recipient_id"])
        self.parts.audit.record(
            uow, caller.actor, Deed(merchant, action, subject, recipient_id=recipient, reason=reason)
        )


def _asked(caller: Caller, *, of_no_merchant: bool) -> str:
    """Return whose events are asked for.

    Raises:
        HTTPProblem: 403, only the operator may see those of no merchant.
    """
    if not of_no_merchant:
        return caller.merchant.id
    if not caller.is_operator:
        raise HTTPProblem(
            HTTPStatus.FORBIDDEN, "operators_only", "only the operator sees events of which nobody knows whose they are"
        )
    return _NO_MERCHANT


def _view(row: Row) -> ParkedEventView:
    same = {name: row[name] for name in ("id", "type", "topic", "recipient_id", "reason", "parked_at", "tried_at")}
    return ParkedEventView(
        **same, attempts=row["attempts"], event_id=_event_id(row), is_behind=row["reason"] == parked.BEHIND
    )


def _event_id(row: Row) -> UUID | None:
    """Return the id in an event's body, which is not sealed; None where the body cannot be read."""
    try:
        return UUID(orjson.loads(bytes(row["body"]))["event_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
