"""A number is parsed the same everywhere: in an order's address, in the API and at the gate."""

import json
from pathlib import Path

import pytest

from services.ingest.domain.people import PhoneCandidate, choose_phone
from shared import phone
from shared.events.trigger import PhoneProvenance
from shared.rules.numbers import IMPOSSIBLE, facts_of

CASES = [
    json.loads(line) for line in (Path(__file__).parents[3] / "cases" / "phone.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['raw']} in {case['country']}")
def test_an_address_and_the_gate_read_a_number_as_the_api_does(case: dict[str, str | None]) -> None:
    raw, country = str(case["raw"]), case["country"]
    chosen = choose_phone([PhoneCandidate(raw, PhoneProvenance.SHIPPING, country)], None)

    assert (chosen.number if chosen else None) == case["number"]
    assert (facts_of(raw, country) == IMPOSSIBLE) is isinstance(phone.parse(raw, country), phone.Unparsable)
