"""`/v1/audit/{service}`: who did what through a service, and the chains and roots by which that is verified."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, Self
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from shared import aad
from shared.audit import ActorKind, AddressClass
from shared.audit_log import AuditLog
from shared.controls import EVERY_MERCHANT
from shared.db import audit_store
from shared.db.transaction import Row
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Unsealable
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem, unprocessable
from shared.http.strict_json import StrictRoute
from shared.ids import MerchantId
from shared.instants import Day, Instant
from shared.unix_time import instant

_LARGEST_PAGE: Final = 200

Reader = Annotated[Caller, Depends(requires("audit:read"))]
Limit = Annotated[int, Query(ge=1, le=_LARGEST_PAGE)]
Everything = Annotated[
    bool, Query(description="What was done to every merchant at once; for the operator of the installation.")
]


class ReasonState(StrEnum):
    """What is known of the reason of an action."""

    NONE = "none"
    """None was given."""
    KEPT = "kept"
    ERASED = "erased"
    """With the person's erasure, or because of its age."""
    CHANGED = "changed"
    """The stored bytes are not those that were entered, or their key is gone."""


class AuditRow(BaseModel):
    """One action of somebody."""

    id: UUID
    service: str
    at: datetime
    actor_kind: ActorKind
    actor: str = Field(description="The id of the API key, the user's name, or `operator`; empty for a stranger.")
    origin: AddressClass
    action: str
    subject_kind: str
    subject: str
    recipient: UUID | None = Field(description="The person it is about, if it is about one.")
    fields: list[str] = Field(description="The names of what was given; never the values.")
    counts: dict[str, int]
    reason: str | None
    reason_state: ReasonState
    day: str
    position: int
    hash: str

    @classmethod
    def of(cls, row: Row, reason: str | None, state: ReasonState) -> Self:
        """Return a stored entry as it is shown."""
        content: dict[str, Any] = orjson.loads(bytes(row["canonical"]))
        shown = {name: content[name] for name in cls.model_fields if name in content and name not in {"id", "at"}}
        return cls(
            **shown,
            id=row["id"],
            at=instant(content["at"]),
            reason=reason,
            reason_state=state,
            position=row["position"],
            hash=row["hash"],
        )


class AuditPage(BaseModel):
    """What was done through a service, the newest first."""

    entries: list[AuditRow]
    next_cursor: str | None


class AuditDay(BaseModel):
    """One UTC day on which somebody acted; root and signature from an hour after its end on."""

    day: str
    entries: int
    head: str
    previous: str | None
    root: str | None
    public_key: str | None
    signature: str | None


class AuditDays(BaseModel):
    """A merchant's days, the oldest first."""

    days: list[AuditDay]
    kept_since: str = Field(description="Of the days before this one only the roots are kept.")
    next_cursor: str | None


class AuditLink(BaseModel):
    """One entry as it is hashed."""

    position: int
    canonical: str
    hash: str


class AuditChain(BaseModel):
    """The entries of a day, in the order in which they are chained."""

    links: list[AuditLink]
    next_position: int | None


def create_audit_router(log: AuditLog, units: UnitOfWorkRunner) -> APIRouter:
    """Return the routes of one service's audit log."""
    router = APIRouter(tags=["audit"], route_class=StrictRoute)
    endpoints = AuditEndpoints(log, units)
    path = f"/v1/audit/{log.tables.service}"
    router.get(path, summary="List who did what, the newest first")(endpoints.newest)
    router.get(f"{path}/days", summary="List the days of the audit log, with their signed roots")(endpoints.days)
    router.get(f"{path}/days/{{day}}", summary="Show the entries of a day as they are chained")(endpoints.chain)
    return router


@dataclass(frozen=True, slots=True)
class AuditEndpoints:
    """Shows a merchant what was done in its name; the operator also what was done to every merchant at once."""

    log: AuditLog
    units: UnitOfWorkRunner

    async def newest(
        self,
        caller: Reader,
        since: Instant | None = None,
        until: Instant | None = None,
        limit: Limit = 50,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
        everything: Everything = False,  # noqa: FBT002 - a query parameter
    ) -> AuditPage:
        """Return what was done from `since` on and before `until`."""
        merchant, before = _asked(caller, everything=everything), _id_in(cursor)
        tables = self.log.tables
        rows = await self.units.read(
            lambda db: audit_store.newest(
                db, tables, merchant, since=since, until=until, before=before, limit=limit + 1
            )
        )
        shown = [AuditRow.of(row, *self._reason(merchant, row)) for row in rows[:limit]]
        return AuditPage(entries=shown, next_cursor=_cursor(shown[-1].id) if len(rows) > limit else None)

    async def days(
        self,
        caller: Reader,
        limit: Limit = 50,
        cursor: Day | None = None,
        everything: Everything = False,  # noqa: FBT002 - a query parameter
    ) -> AuditDays:
        """Return the days after the one in `cursor`."""
        merchant, after = _asked(caller, everything=everything), cursor.isoformat() if cursor else None
        rows = await self.units.read(
            lambda db: audit_store.days_of(db, self.log.tables, merchant, after=after, limit=limit + 1)
        )
        shown = [AuditDay(**{name: row[name] for name in AuditDay.model_fields}) for row in rows[:limit]]
        return AuditDays(
            days=shown,
            kept_since=audit_store.kept_since(self.units.clock.now()).date().isoformat(),
            next_cursor=shown[-1].day if len(rows) > limit else None,
        )

    async def chain(
        self,
        day: Annotated[Day, Path()],
        caller: Reader,
        start: Annotated[int, Query(ge=0, lt=2**53)] = 0,
        limit: Limit = 50,
        everything: Everything = False,  # noqa: FBT002 - a query parameter
    ) -> AuditChain:
        """Return the entries of a day from position `start` on."""
        merchant = _asked(caller, everything=everything)
        rows = await self.units.read(
            lambda db: audit_store.chain_of(
                db, self.log.tables, merchant, day.isoformat(), start=start, limit=limit + 1
            )
        )
        shown = [
            AuditLink(position=row["position"], canonical=bytes(row["canonical"]).decode(), hash=row["hash"])
            for row in rows[:limit]
        ]
        return AuditChain(links=shown, next_position=shown[-1].position + 1 if len(rows) > limit else None)

    def _reason(self, merchant: MerchantId, row: Row) -> tuple[str | None, ReasonState]:
        entered = orjson.loads(bytes(row["canonical"]))["reason_sha256"]
        if entered is None:
            return None, ReasonState.NONE
        if row["reason"] is None:
            return None, ReasonState.ERASED
        sealed = bytes(row["reason"])
        try:
            clear = self.log.sealer.open(merchant, aad.audit_reason(row["id"]), sealed).decode()
        except Unsealable:
            return None, ReasonState.CHANGED
        return (
            (clear, ReasonState.KEPT) if hashlib.sha256(sealed).hexdigest() == entered else (None, ReasonState.CHANGED)
        )


def _asked(caller: Caller, *, everything: bool) -> MerchantId:
    """Return whose log is asked for.

    Raises:
        HTTPProblem: 403, it is the operator's.
    """
    if not everything:
        return caller.merchant.id
    if not caller.is_operator:
        raise HTTPProblem(
            HTTPStatus.FORBIDDEN,
            "operator_only",
            "only the operator of this installation reads what concerns everybody",
        )
    return EVERY_MERCHANT


def _cursor(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _id_in(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise unprocessable("cursor", "this is not a cursor of ours") from None
