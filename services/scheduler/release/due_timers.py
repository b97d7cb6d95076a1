"""What the clock says of texts whose hour has come: which are over, which are ready, and what becomes of each."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest
from services.scheduler.runs.plan import PAST_AFTER
from services.scheduler.runs.planner import Versions
from services.scheduler.store import FollowUp
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Content
from shared.ids import FollowUpId, RecipientId
from shared.vocabulary.follow_up_states import FollowUpState

DUE = "due"
"""The reason of a released text of which nobody has told anything since."""
_Loaded = tuple[FollowUp, Content | None]


def sorted_out(
    loaded: Iterable[_Loaded],
    fired_at: Mapping[FollowUpId, datetime],
    now: datetime,
    past: Collection[FollowUpId] = (),
) -> tuple[list[TransitionRequest], list[_Loaded]]:
    """Return what is over, and what is ready for its turn; a timer that is not its follow-up's own says nothing.

    `past` are those whose time passed, and whose flow wants them no more then (`if_past: skip`).
    """
    over: list[TransitionRequest] = []
    ready: list[_Loaded] = []
    for text, content in loaded:
        if text.timer_at != fired_at[text.id]:
            continue
        if text.standing.state is FollowUpState.DISPATCHED:
            over.append(TransitionRequest(text, Transition(TransitionKind.SILENT, "no_receipt"), timer_is_gone=True))
        elif is_over(text, now):
            over.append(TransitionRequest(text, Transition(TransitionKind.EXPIRED, "expire_after"), timer_is_gone=True))
        elif text.id in past:
            over.append(TransitionRequest(text, Transition(TransitionKind.EXPIRED, "past_due"), timer_is_gone=True))
        elif text.standing.state is FollowUpState.PENDING:
            ready.append((text, content))
    return over, ready


async def missed(uow: UnitOfWork, versions: Versions, texts: Sequence[FollowUp]) -> set[FollowUpId]:
    """Return the pending texts whose time passed while nobody looked, and whose flow wants them no more then.

    It counts from when a text was to go at last: what the gate put off is not late.
    """
    late = [
        text for text in texts if text.standing.state is FollowUpState.PENDING and uow.now > text.due_at + PAST_AFTER
    ]
    terms = await versions.terms(uow.db, {text.flow_version for text in late})
    return {text.id for text in late if terms[text.flow_version].skips(text.step)}


def in_planned_order(texts: Sequence[_Loaded]) -> list[_Loaded]:
    """Return texts in their turns, but those of one person in the order they were planned in.

    Two that the gate put off to the same instant are due together, and their ids say nothing about which comes first.
    """
    of_person: dict[RecipientId, deque[_Loaded]] = defaultdict(deque)
    for each in sorted(texts, key=lambda loaded: (loaded[0].priority, loaded[0].first_due_at)):
        of_person[each[0].recipient_id].append(each)
    return [of_person[text.recipient_id].popleft() for text, _ in texts]


def release_of(loaded: _Loaded, now: datetime) -> TransitionRequest | None:
    """Return the release of a text whose turn it is; its end where it is over; None where it ended in the line."""
    if loaded[0].standing.state is not FollowUpState.PENDING:
        return None
    text, content = loaded
    if is_over(text, now):
        return TransitionRequest(text, Transition(TransitionKind.EXPIRED, "expire_after"), timer_is_gone=True)
    if content is None:
        return TransitionRequest(text, Transition(TransitionKind.CANCELLED, "erased"), timer_is_gone=True)
    return TransitionRequest(text, Transition(TransitionKind.FIRED, DUE), content=content, timer_is_gone=True)


def is_pending(text: FollowUp, now: datetime) -> bool:
    """Return whether a text still waits, and is not over."""
    return text.standing.state is FollowUpState.PENDING and not is_over(text, now)


def is_due(text: FollowUp, now: datetime) -> bool:
    """Return whether a text's hour has come; it may have moved while the text stood in line."""
    return text.due_at <= now


def is_over(text: FollowUp, now: datetime) -> bool:
    """Return whether a text came too late to be welcome."""
    return text.expires_at is not None and text.expires_at <= now
