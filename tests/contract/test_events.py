"""Events on the wire: golden JSON per type, so that an edit that changes a meaning is seen before a reader meets it."""

import json
import os
from pathlib import Path

import pytest

from shared.errors import Undecodable
from shared.events.envelope import Event, decode, encode
from shared.events.registry import registry
from shared.testing import make

GOLDEN = Path(__file__).parent / "golden"
KINDS = list(registry().values())


def golden(kind: type[Event]) -> Path:
    return GOLDEN / f"{kind.type}.json"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_an_event_is_written_as_its_golden_file_says(kind: type[Event]) -> None:
    written = json.loads(encode(make.event(kind)))
    if os.environ.get("FOLLOWUP_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        golden(kind).write_text(json.dumps(written, indent=1, sort_keys=True) + "\n")
    assert written == json.loads(golden(kind).read_text())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_a_golden_file_is_read_as_the_event(kind: type[Event]) -> None:
    assert decode(kind, golden(kind).read_bytes()) == make.event(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_a_reader_ignores_fields_of_the_future(kind: type[Event]) -> None:
    future = {**json.loads(golden(kind).read_text()), "invented_tomorrow": {"deep": [1]}}
    assert decode(kind, json.dumps(future).encode()) == make.event(kind)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"event_id": 3}'])
def test_what_does_not_fit_is_undecodable_and_the_fault_repeats_no_value(body: bytes) -> None:
    kind = registry()["follow-up.due"]
    with pytest.raises(Undecodable) as problem:
        decode(kind, body)
    assert "follow-up.due" in problem.value.detail


def test_every_golden_file_has_an_event_type() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(registry())
