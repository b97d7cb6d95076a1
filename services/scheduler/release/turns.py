"""Puts off the texts that must wait for another one of their person, a batch at a time."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from services.scheduler import instruments
from services.scheduler.lifecycle import announcements
from services.scheduler.lifecycle.transitions import earliest, history_row
from services.scheduler.release.spacing import CATCH_UP, NeighbouringText, PutOff, is_ahead, is_late, put_off
from services.scheduler.release.turn_rule import look_again_at, waits_until
from services.scheduler.runs.enrolment import ANSWER_FLOW, API_FLOW
from services.scheduler.store import FollowUp, timer
from services.scheduler.tables import follow_ups, state_changes, timers
from shared.db.transaction import Row
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Purpose
from shared.ids import FollowUpId, RecipientId
from shared.progress import EARLIER_TEXT
from shared.vocabulary.follow_up_states import FollowUpState

ALONE = frozenset({API_FLOW, ANSWER_FLOW})
"""Flows whose runs have one text each."""
PUT_OFF = "put_off"
"""What happened to a text whose due time moved while it was pending."""
_COLUMNS = (
    "id", "recipient_id", "enrollment_id", "purpose", "state", "first_due_at", "due_at", "accepted_at", "ended_at",
)  # fmt: skip


async def wait_for_turns(uow: UnitOfWork, due: Collection[FollowUp]) -> set[FollowUpId]:
    """Give each text that must wait a new timer, and return them; their own fired already.

    A text waits shortly for an earlier one of its run, and for late marketing of another run that is under way: its
    state does not change, so nothing is announced; where people look it says so. A late one is put off to keep its
    distance to what went before.
    """
    others = await _others(uow, due)
    waiting: list[tuple[FollowUp, datetime]] = []
    moved: list[tuple[FollowUp, PutOff]] = []
    for text in due:
        own = known_of(text)
        of_person = [each for key, each in others[text.recipient_id] if key != text.id]
        if (until := _waits_until(text, own, of_person, uow.now)) is not None:
            waiting.append((text, until))
        elif (found := put_off(own, of_person, uow.now)) is not None:
            moved.append((text, found))
    await look_again(uow, waiting)
    await _put_off(uow, moved)
    return {text.id for text, _ in (*waiting, *moved)}


async def look_again(uow: UnitOfWork, waiting: Sequence[tuple[FollowUp, datetime]]) -> None:
    """Give texts whose timers are gone new ones, and say that another text goes first; their state does not change."""
    places = [(text, earliest(at, text.expires_at)) for text, at in waiting]
    await uow.db.change(follow_ups, [{"id": text.id, "timer_at": at, "reason": EARLIER_TEXT} for text, at in places])
    await uow.db.insert_new(timers, [timer(text, at, "due") for text, at in places])


def not_both(texts: Iterable[FollowUp], now: datetime) -> list[tuple[FollowUp, datetime]]:
    """Return which of the texts about to go have to wait for another's outcome, and until when to look again.

    Of one person's late marketing the oldest goes.
    """
    first: dict[RecipientId, FollowUpId] = {}
    waiting = []
    for text in sorted(texts, key=lambda each: (each.first_due_at, each.id)):
        if text.purpose is not Purpose.MARKETING or not is_late(text.first_due_at, now):
            continue
        if first.setdefault(text.recipient_id, text.id) != text.id:
            waiting.append((text, look_again_at(text.due_at, now)))
    return waiting


def known_of(text: FollowUp) -> NeighbouringText:
    """Return a text as its neighbours are looked at."""
    return NeighbouringText(text.enrollment_id, text.purpose, text.standing.state, text.first_due_at, text.due_at)


def _waits_until(
    text: FollowUp, own: NeighbouringText, of_person: Sequence[NeighbouringText], now: datetime
) -> datetime | None:
    of_run = [each for each in of_person if each.enrollment_id == text.enrollment_id]
    until = waits_until(text.first_due_at, text.due_at, of_run, now)
    if until is None and any(is_ahead(own, each, now) for each in of_person):
        return look_again_at(text.due_at, now)
    return until


async def _put_off(uow: UnitOfWork, moved: Sequence[tuple[FollowUp, PutOff]]) -> None:
    """Move due times of pending texts, with the reason where people look, and in the history."""
    rows, places = [], []
    for text, found in moved:
        at, changes = earliest(found.until, text.expires_at), text.changes + 1
        row = {"due_at": found.until, "timer_at": at, "reason": found.reason, "changes": changes, "updated_at": uow.now}
        rows.append({"id": text.id, **row})
        places.append(timer(text, at, "due"))
        after = text.moved(found.reason)._replace(due_at=found.until)
        uow.insert_later(state_changes, history_row(after, uow.now, PUT_OFF))
        uow.publish(announcements.moved(after, uow.now))
        instruments.PUT_OFF.labels(found.reason).inc()
    await uow.db.change(follow_ups, rows)
    await uow.db.insert_new(timers, places)


async def _others(
    uow: UnitOfWork, due: Collection[FollowUp]
) -> dict[RecipientId, list[tuple[FollowUpId, NeighbouringText]]]:
    """Return what else is known of the people whose texts may have to wait: open, and for late ones just ended."""
    late = {text.recipient_id for text in due if is_late(text.first_due_at, uow.now)}
    last: dict[RecipientId, datetime] = {}
    for text in due:
        person, at = text.recipient_id, text.first_due_at
        if person in late or text.flow not in ALONE:
            last[person] = max(last.get(person, at), at)
    found: dict[RecipientId, list[tuple[FollowUpId, NeighbouringText]]] = defaultdict(list)
    crowded = await _crowded(uow, late, last)
    for people, since in ((crowded, None), (late, uow.now - CATCH_UP)):
        for row in await uow.db.fetch(
            follow_ups, "recipient_id", [*people], columns=_COLUMNS, since=("ended_at", since)
        ):
            found[row["recipient_id"]].append((row["id"], _known(row)))
    return found


async def _crowded(
    uow: UnitOfWork, late: Collection[RecipientId], last: Mapping[RecipientId, datetime]
) -> list[RecipientId]:
    """Return who has several open texts of which another may go first: where none is late, one planned earlier.

    Most people have the one that is looked at, and later ones of its run: nothing more is read of them. `last` says of
    each person when the last of the texts that are due was planned for.
    """
    rows = await uow.db.fetch(
        follow_ups, "recipient_id", [*last], columns=("recipient_id", "first_due_at"), since=("ended_at", None)
    )
    open_texts = Counter(row["recipient_id"] for row in rows)
    earlier = {row["recipient_id"] for row in rows if row["first_due_at"] < last[row["recipient_id"]]}
    return [person for person, count in open_texts.items() if count > 1 and (person in late or person in earlier)]


def _known(row: Row) -> NeighbouringText:
    return NeighbouringText(
        enrollment_id=row["enrollment_id"],
        purpose=Purpose(row["purpose"]),
        state=FollowUpState(row["state"]),
        first_due_at=row["first_due_at"],
        due_at=row["due_at"],
        accepted_at=row["accepted_at"],
        ended_at=row["ended_at"],
    )
