"""HTTP routes of quarantine: genuine deliveries that could not be read."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.ingest.quarantine.quarantine import MOST_AT_ONCE, Quarantine
from shared.config.model import Flag
from shared.http.auth import Caller, requires
from shared.http.strict_json import StrictRoute

_FIRST: Final = UUID(int=0)
_END: Final = UUID(int=2**128 - 1)

Reader = Annotated[Caller, Depends(requires("operations:read"))]
Decider = Annotated[Caller, Depends(requires("operations:write"))]
DeliveryIds = Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)]


class QuarantinedDelivery(BaseModel):
    """A genuine delivery that could not be read."""

    delivery_id: UUID
    source: str
    topic: str
    reason: str = Field(description="`not_json`, `unknown_topic`, `misshapen` or `topic_mismatch`.")
    detail: str = Field(description="Which field was wrong, without its value.")
    received_at: datetime


class QuarantinePage(BaseModel):
    """The newest first."""

    deliveries: list[QuarantinedDelivery]
    next_cursor: str | None


class RedriveBody(BaseModel):
    """Which deliveries are read again: named ones, or all, the oldest first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"delivery_ids": ["018c0000-0000-7000-8000-0000000000d1"]}]},
    )

    delivery_ids: DeliveryIds | None = None
    everything: Flag = Field(default=False, description="Instead of `delivery_ids`: the next ones after `after`.")
    after: UUID | None = Field(None, description="With `everything`: `next` of the answer before.")

    @model_validator(mode="after")
    def _names_some(self) -> "RedriveBody":
        if (self.delivery_ids is None) != self.everything:
            raise ValueError("name delivery_ids, or everything: true")
        if self.after is not None and not self.everything:
            raise ValueError("after belongs to everything")
        return self


class RedrivenView(BaseModel):
    """What became of a delivery that was read again."""

    delivery_id: UUID
    outcome: str = Field(description="`accepted`, `ignored`, `no_recipient`, or `quarantined`: still not readable.")
    reason: str | None = Field(description="Why it is still in quarantine; `no_longer_kept`: only to be discarded.")


class RedriveAnswer(BaseModel):
    """The deliveries that were read again; what was in quarantine no more is left out."""

    deliveries: list[RedrivenView]
    next: UUID | None = Field(description="With `everything`: go on with this `after`; null once all were read.")


class QuarantineDiscardBody(BaseModel):
    """Which deliveries are discarded, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"delivery_ids": ["018c0000-0000-7000-8000-0000000000d1"], "reason": "it was a test"}]
        },
    )

    delivery_ids: DeliveryIds
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class QuarantineDiscarded(BaseModel):
    """The deliveries that were discarded; those that were not in quarantine are left out."""

    delivery_ids: list[UUID]


def create_router(quarantine: Quarantine) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["sources"], route_class=StrictRoute)

    @router.get("/v1/quarantine", summary="List genuine deliveries that could not be read, the newest first")
    async def listed(
        caller: Reader,
        limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 50,
        cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
    ) -> QuarantinePage:
        found = await quarantine.newest(caller.merchant.id, cursor or _END, limit + 1)
        shown = found[:limit]
        return QuarantinePage(
            deliveries=[
                QuarantinedDelivery(**{name: row[name] for name in QuarantinedDelivery.model_fields}) for row in shown
            ],
            next_cursor=str(shown[-1]["delivery_id"]) if len(found) > limit else None,
        )

    @router.post("/v1/quarantine/redrive", summary="Read deliveries again, after the cause was mended")
    async def redrive(body: RedriveBody, caller: Decider) -> RedriveAnswer:
        wanted = body.delivery_ids
        if wanted is None:
            wanted = await quarantine.oldest(caller.merchant.id, body.after or _FIRST, MOST_AT_ONCE)
        done = await quarantine.redrive(caller, wanted)
        return RedriveAnswer(
            deliveries=[
                RedrivenView(delivery_id=each.delivery_id, outcome=each.outcome, reason=each.reason) for each in done
            ],
            next=wanted[-1] if body.everything and len(wanted) == MOST_AT_ONCE else None,
        )

    @router.post("/v1/quarantine/discard", summary="Discard deliveries that need not be read, with a reason")
    async def discard(body: QuarantineDiscardBody, caller: Decider) -> QuarantineDiscarded:
        found = await quarantine.discard(caller, body.delivery_ids, body.reason)
        return QuarantineDiscarded(delivery_ids=found)

    return router
