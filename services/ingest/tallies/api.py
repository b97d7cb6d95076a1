"""`GET /v1/sources`: whether a merchant's sources bring anything, and what becomes of it."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.ingest.domain.parsed_deliveries import DeliveryOutcome
from services.ingest.domain.prepared_deliveries import EVENTS_API
from services.ingest.quarantine import store as quarantine_store
from services.ingest.tallies import store
from services.ingest.tallies.tallies import OVER_QUOTA, REFUSED
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.ids import MerchantId

SILENT_AFTER: Final = timedelta(hours=6)
_DAY: Final = timedelta(hours=24)
OUTCOMES: Final = (
    *(outcome.value for outcome in DeliveryOutcome if outcome is not DeliveryOutcome.DISCARDED),
    REFUSED,
    OVER_QUOTA,
)

Reader = Annotated[Caller, Depends(requires("operations:read"))]


class SourceError(BaseModel):
    """What last went wrong with a source."""

    at: datetime
    what: str = Field(
        description="`signature` (refused: no secret of the merchant's file fits), `over_quota`, `invalid` (events "
        "that were refused), or why it was quarantined: `not_json`, `unknown_topic`, `misshapen`, `topic_mismatch`."
    )


class SourceView(BaseModel):
    """A source of a merchant; `api` is what its own systems report with `POST /v1/events`."""

    source: str
    is_configured: bool = Field(description="It is in the merchant's file now.")
    last_delivery_at: datetime | None = Field(description="When it last brought a genuine delivery.")
    silent_since: datetime | None = Field(
        description="`last_delivery_at`, where that is six hours ago or more; else null, also where none ever came."
    )
    last_24h: dict[str, int] = Field(description="Deliveries by outcome in the last 24 hours, to the hour.")
    last_error: SourceError | None
    quarantined: int = Field(
        description=f"Deliveries that wait in quarantine; {quarantine_store.MOST_COUNTED} stands for that many or more."
    )


class SourceList(BaseModel):
    """The sources of a merchant, by name."""

    sources: list[SourceView]


def create_router(units: UnitOfWorkRunner) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["sources"])

    @router.get("/v1/sources", summary="Show whether a merchant's sources bring anything, and what becomes of it")
    async def listed(caller: Reader) -> SourceList:
        now, configured = units.clock.now(), {EVENTS_API, *caller.merchant.config.sources}
        merchant = caller.merchant.id
        views = await units.read(lambda db: _views(db, merchant, configured, now))
        return SourceList(sources=views)

    return router


async def _views(db: Transaction, merchant: MerchantId, configured: set[str], now: datetime) -> list[SourceView]:
    """Return every source that the merchant has or that ever brought something."""
    states = await store.states(db, merchant)
    by_outcome: dict[str, Counter[str]] = defaultdict(Counter)
    for row in await store.counted(db, merchant, now - _DAY):
        by_outcome[row["source"]][row["outcome"]] += row["deliveries"]
    waiting = await quarantine_store.counts(db, merchant)
    return [
        _view(
            source,
            states.get(source),
            by_outcome[source],
            waiting[source],
            now,
            is_configured=source in configured,
        )
        for source in sorted(configured | states.keys())
    ]


def _view(
    source: str, state: Row | None, counts: Counter[str], quarantined: int, now: datetime, *, is_configured: bool
) -> SourceView:
    last = state["last_delivery_at"] if state else None
    error = SourceError(at=state["last_error_at"], what=state["last_error"]) if state and state["last_error"] else None
    return SourceView(
        source=source,
        is_configured=is_configured,
        last_delivery_at=last,
        silent_since=last if last is not None and now - last >= SILENT_AFTER else None,
        last_24h={outcome: counts[outcome] for outcome in OUTCOMES},
        last_error=error,
        quarantined=quarantined,
    )
