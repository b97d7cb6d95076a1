"""Facts keep the unencrypted fields of an event, and no encrypted ones."""

from collections.abc import Iterator
from typing import get_args

import orjson
import pytest
from pydantic import BaseModel

from services.metrics.domain.facts import _left_out, fact_body, follow_up_of, restore_event
from shared.errors import Undecodable
from shared.events.engagement import ReplyClass
from shared.events.envelope import Event
from shared.events.registry import registry
from shared.testing.clock import START
from shared.testing.make_metrics import TextFacts

TEXT = TextFacts(segment="vip")
FACTS: list[Event] = [
    *TEXT.all_the_way(),
    TEXT.deferred(START, reason="quiet_hours", explanation="It is night.", rules=("US",)),
    TEXT.blocked(),
    TEXT.failed(retry_at=START),
    TEXT.unknown(),
    TEXT.click(),
    TEXT.reply(ReplyClass.OPT_OUT),
    TEXT.conversion(),
    TEXT.refund(),
    TEXT.opted_out(),
]


def back(event: Event, body: bytes) -> Event:
    follow_up_id = follow_up_of(event)
    return restore_event({**event.model_dump(), "type": event.type, "body": body, "follow_up_id": follow_up_id})


@pytest.mark.parametrize("event", FACTS, ids=lambda event: event.type)
def test_nothing_sealed_rests_in_a_fact(event: Event) -> None:
    assert b"sealed by somebody else" not in fact_body(event)
    assert b"c2VhbGVk" not in fact_body(event)


@pytest.mark.parametrize("event", FACTS, ids=lambda event: event.type)
def test_a_fact_reads_back_as_its_event_less_its_sealed_parts(event: Event) -> None:
    read = back(event, fact_body(event))
    assert type(read) is type(event)
    assert fact_body(read) == fact_body(event)
    assert read.event_id == event.event_id
    assert follow_up_of(read) == follow_up_of(event)


def bytes_fields(kind: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in kind.model_fields.items():
        alternatives = get_args(field.annotation) or (field.annotation,)
        if bytes in alternatives:
            yield (name,)
        for each in alternatives:
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from ((name, *rest) for rest in bytes_fields(each))


@pytest.mark.parametrize("kind", registry().values(), ids=lambda kind: kind.type)
def test_every_sealed_field_of_every_event_type_is_left_out(kind: type[Event]) -> None:
    for path in bytes_fields(kind):
        left_out: object = _left_out(kind)
        for name in path:
            assert isinstance(left_out, dict)
            left_out = left_out[name]
        assert left_out is True


def test_the_shops_own_name_of_a_customer_does_not_rest_in_a_fact() -> None:
    assert "customer" not in orjson.loads(fact_body(TEXT.purchase()))


def test_a_type_of_a_newer_version_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        restore_event({**TEXT.planned().model_dump(), "type": "follow-up.teleported", "body": b"{}"})
