"""How an event travels, and where to."""

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.kafka_wire import KafkaRecord, headers, recipient_of, type_of
from shared.bus.partitioning import WHOLE_MERCHANT, partition_of, partitions_of
from shared.events.topics import Topic
from shared.ids import EventId, RecipientId


def test_a_persons_partition_never_changes() -> None:
    people = [RecipientId(UUID(int=n * 7919)) for n in range(1, 9)]
    assert [partition_of(person, 12) for person in people] == [7, 4, 4, 11, 9, 2, 6, 9]


@given(st.uuids(), st.integers(1, 48))
def test_a_partition_is_one_of_those_there_are(person: UUID, partitions: int) -> None:
    assert partition_of(RecipientId(person), partitions) in range(partitions)


def test_people_spread_evenly() -> None:
    people = [RecipientId(uuid4()) for _ in range(12_000)]
    counts = Counter(partition_of(person, 12) for person in people)
    assert len(counts) == 12
    assert max(counts.values()) < 1.25 * min(counts.values())


def test_news_about_everybody_goes_to_every_partition_and_about_one_person_to_one() -> None:
    assert list(partitions_of(WHOLE_MERCHANT, 4)) == [0, 1, 2, 3]
    person = RecipientId(UUID(int=5))
    assert list(partitions_of(person, 4)) == [partition_of(person, 4)]


def test_the_headers_are_cloudevents_in_binary_mode() -> None:
    record = KafkaRecord(
        number=1,
        topic=Topic.FOLLOW_UPS,
        type="follow-up.due",
        event_id=EventId(UUID(int=1)),
        recipient_id=RecipientId(UUID(int=2)),
        occurred_at=datetime(2026, 12, 1, 13, 0, 0, 5, tzinfo=UTC),
        body=b"{}",
    )
    written = dict(headers(record, "scheduler"))
    assert written == {
        "ce_specversion": b"1.0",
        "ce_id": b"00000000-0000-0000-0000-000000000001",
        "ce_source": b"/followup/scheduler",
        "ce_type": b"follow-up.due",
        "ce_time": b"2026-12-01T13:00:00.000005Z",
        "content-type": b"application/json",
    }
    assert type_of(tuple(written.items())) == "follow-up.due"


def test_a_record_that_is_not_ours_has_no_type_and_no_recipient() -> None:
    assert type_of(()) is None
    assert recipient_of(None) is None
    assert recipient_of(b"customer-7") is None
    assert recipient_of(UUID(int=9).bytes) == UUID(int=9)
