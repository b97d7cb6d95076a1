"""The list of follow-ups, the newest first: which of them are wanted, and how far one page looks for them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics import message_store as store
from services.metrics.api_models import MessageAnswer, MessagesAnswer
from services.metrics.domain.progress_summary import label, progress_at, summarize
from services.metrics.domain.projection import Projection
from services.metrics.domain.state_words import tone_at
from services.metrics.message_store import MessageFilter
from services.metrics.settings import MetricsSettings
from shared.db.transaction import Transaction
from shared.http.progress import ProgressAnswer
from shared.ids import FollowUpId, MerchantId, RecipientId, instant_of

MOST_SEARCHED: Final = 20_000
"""Follow-ups looked at for one page; a rare one may be found only on a later page, and the answer says how far back
this one looked."""


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """Which follow-ups a page is to show."""

    wanted: MessageFilter
    limit: int
    before: UUID | None = None
    """The last follow-up of the page before."""
    recipient: RecipientId | None = None
    """Only those to this person."""
    ids: tuple[UUID, ...] = ()
    """Only these; not filtered, not paged."""


async def load_messages(
    db: Transaction,
    merchant: MerchantId,
    query: MessageQuery,
    now: datetime,
    settings: MetricsSettings,
    zone: ZoneInfo,
    *,
    most_searched: int = MOST_SEARCHED,
) -> MessagesAnswer:
    """Return one page of a merchant's follow-ups; they hold no personal data."""
    if query.ids:
        found = await store.by_id(db, merchant, query.ids)
        return MessagesAnswer(
            messages=[_answer(each, now, settings, zone) for each in found], next_cursor=None, searched_back_to=None
        )
    edge = now - settings.unconfirmed_after
    scope = store.MessageScope(merchant, query.recipient, query.wanted, edge)
    found = await store.page(db, scope, query.before, query.limit + 1, most_searched)
    shown = found[: query.limit]
    cursor, searched_to = (shown[-1].follow_up_id if len(found) > query.limit else None), None
    if cursor is None and (end := await store.searched_to(db, scope, query.before, most_searched)) is not None:
        cursor, searched_to = FollowUpId(end), instant_of(end)
    return MessagesAnswer(
        messages=[_answer(each, now, settings, zone) for each in shown],
        next_cursor=cursor,
        searched_back_to=searched_to,
    )


def _answer(projection: Projection, now: datetime, settings: MetricsSettings, zone: ZoneInfo) -> MessageAnswer:
    """Return a follow-up as a row of the list."""
    state = projection.state_at(now, settings.unconfirmed_after)
    progress = progress_at(projection, state, now)
    return MessageAnswer(
        follow_up_id=projection.follow_up_id,
        recipient_id=projection.recipient_id,
        flow=projection.flow or None,
        step=projection.step or None,
        purpose=projection.purpose or None,
        segment=projection.segment or None,
        state=state,
        reason=projection.reason or None,
        progress=ProgressAnswer(**asdict(progress)),
        label=label(state, progress),
        tone=tone_at(state, progress),
        explanation=summarize(projection, state, progress, zone),
        provider=projection.provider or None,
        sender_number=projection.sender_number or None,
        planned_at=projection.planned_at,
        due_at=projection.due_at,
        accepted_at=projection.accepted_at,
        changed_at=projection.changed_at,
        is_clicked=projection.clicked_by is not None,
        is_replied=projection.replied_by is not None,
        is_opted_out=projection.opted_out_by is not None,
        is_converted=projection.converted_by is not None,
    )
