"""The route of the list of messages: every follow-up of a merchant, in whatever state."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query

from services.metrics.api_models import MessagesAnswer
from services.metrics.message_store import MessageFilter
from services.metrics.messages import MessageQuery, load_messages
from services.metrics.settings import MetricsSettings
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.ids import RecipientId
from shared.instants import Instant
from shared.vocabulary.follow_up_states import FollowUpState

MOST_LISTED = 500
_MOST_IDS = 50
_LONGEST = 200

Reader = Annotated[Caller, Depends(requires("metrics:read"))]
_Word = Annotated[str | None, Query(max_length=_LONGEST)]


class MessageEndpoints:
    """Lists the follow-ups of the caller's merchant."""

    def __init__(self, units: UnitOfWorkRunner, settings: MetricsSettings) -> None:
        self._units = units
        self._settings = settings

    async def messages(
        self,
        caller: Reader,
        state: FollowUpState | None = None,
        reason: _Word = None,
        flow: _Word = None,
        number: Annotated[str | None, Query(max_length=_LONGEST, description="The merchant's sender number.")] = None,
        provider: _Word = None,
        since: Annotated[Instant | None, Query(alias="from", description="Planned from then on; RFC 3339.")] = None,
        until: Annotated[Instant | None, Query(alias="to", description="Planned before then.")] = None,
        recipient: Annotated[UUID | None, Query(description="Only those to one person, by recipient id.")] = None,
        ids: Annotated[list[UUID], Query(alias="id", max_length=_MOST_IDS, description="Only these.")] = [],  # noqa: B006 - FastAPI copies it
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
    ) -> MessagesAnswer:
        """List follow-ups, the newest first; a page looks at 20,000 at most and says how far back that was."""
        wanted = MessageFilter(state, reason, flow, number, provider, since, until)
        person = None if recipient is None else RecipientId(recipient)
        query = MessageQuery(wanted, limit, cursor, person, tuple(ids))
        merchant, now = caller.merchant, self._units.clock.now()
        zone = ZoneInfo(merchant.config.time_zone)
        return await self._units.read(lambda db: load_messages(db, merchant.id, query, now, self._settings, zone))

    def create_router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["messages"])
        router.add_api_route("/v1/messages", self.messages, summary="List every follow-up, the newest first, by filter")
        return router
