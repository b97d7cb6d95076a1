"""Whose news is unread: against a reference that remembers everything, and within its bound."""

from collections import defaultdict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.partitioning import WHOLE_MERCHANT
from shared.bus.port import Partition
from shared.bus.unread_recipients import UnreadRecipients
from shared.ids import RecipientId

PARTITIONS = [Partition("triggers.v1", 0), Partition("triggers.v1", 1)]
PEOPLE = [RecipientId(UUID(int=n + 1)) for n in range(5)]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from(PARTITIONS), st.sampled_from([*PEOPLE, WHOLE_MERCHANT])),
        st.tuples(st.just("read"), st.sampled_from(PARTITIONS), st.integers(0, 4)),
        st.tuples(st.just("look"), st.sampled_from(PARTITIONS), st.integers(1, 6)),
        st.tuples(st.just("leave"), st.sampled_from(PARTITIONS), st.none()),
    ),
    max_size=60,
)


@given(steps)
def test_exactly_those_are_unread_who_have_an_event_between_the_position_and_where_was_looked(
    story: list[tuple[str, Partition, object]],
) -> None:
    keys = UnreadRecipients()
    keys.hold(PARTITIONS)
    log: dict[Partition, list[RecipientId]] = defaultdict(list)
    position: dict[Partition, int] = defaultdict(int)
    for what, partition, much in story:
        if what == "come":
            assert isinstance(much, UUID)
            log[partition].append(RecipientId(much))
        elif what == "read":
            assert isinstance(much, int)
            position[partition] = min(len(log[partition]), position[partition] + much)
            keys.read(position)
        elif what == "look":
            assert isinstance(much, int)
            start = keys.looked_to(partition)
            end = min(len(log[partition]), start + much)
            for offset in range(start, end):
                keys.note(partition, offset, log[partition][offset])
            keys.looked(partition, end)
        else:
            keys.hold([each for each in PARTITIONS if each != partition])
            keys.hold(PARTITIONS)
            keys.read(position)
        for each in PARTITIONS:
            unread = set(log[each][position[each] : keys.looked_to(each)])
            for person in PEOPLE:
                expected = person in unread or WHOLE_MERCHANT in unread
                assert keys.is_unread(each, person, position[each]) == expected


def test_a_partition_keeps_no_more_than_its_bound_and_goes_on_when_it_was_read() -> None:
    keys = UnreadRecipients(most=3)
    keys.hold(PARTITIONS)
    here, there = PARTITIONS
    for offset, person in enumerate(PEOPLE[:3]):
        assert not keys.is_full(here)
        keys.note(here, offset, person)
    assert keys.is_full(here)
    assert not keys.is_full(there)
    keys.read({here: 1})
    assert not keys.is_full(here)
    assert keys.count() == 2


@pytest.mark.parametrize("position", [0, 1])
def test_a_person_who_comes_again_is_one_key(position: int) -> None:
    keys = UnreadRecipients(most=3)
    keys.hold(PARTITIONS)
    for offset in range(50):
        keys.note(PARTITIONS[0], offset, PEOPLE[0])
    assert keys.count() == 1
    assert keys.is_unread(PARTITIONS[0], PEOPLE[0], position)
