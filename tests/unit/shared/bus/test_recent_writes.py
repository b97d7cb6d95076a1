"""Events that a process wrote and reads back keep what they mean; the bytes stay the truth."""

from shared.bus.local import LOCAL, RecentWrites
from shared.bus.port import Message
from shared.events.dispatch import DispatchDelivered
from shared.testing import make

MANY = 5000


def message(body: bytes, kept: RecentWrites) -> Message:
    there = Message(LOCAL, 1, DispatchDelivered.type, make.event(DispatchDelivered).recipient_id, body)
    return there.meaning(kept.taken(body))


def test_what_was_just_written_is_handed_on_as_it_was() -> None:
    kept, event = RecentWrites(), make.event(DispatchDelivered)
    assert message(kept.encoded(event), kept).event(DispatchDelivered) is event


def test_what_another_program_wrote_is_decoded() -> None:
    event = make.event(DispatchDelivered)
    read = message(RecentWrites().encoded(event), RecentWrites()).event(DispatchDelivered)
    assert read == event
    assert read is not event


def test_only_so_much_is_remembered_and_the_rest_is_decoded() -> None:
    kept = RecentWrites()
    events = [make.event(DispatchDelivered, correlation_id=f"{number}") for number in range(MANY)]
    bodies = [kept.encoded(event) for event in events]
    assert kept.taken(bodies[0]) is None
    assert message(bodies[0], kept).event(DispatchDelivered) == events[0]
    assert kept.taken(bodies[-1]) is events[-1]


def test_an_event_is_handed_on_once_and_decoded_from_then_on() -> None:
    kept = RecentWrites()
    body = kept.encoded(make.event(DispatchDelivered))
    assert kept.taken(body) is not None
    assert kept.taken(body) is None
