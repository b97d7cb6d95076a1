"""What a stranger writes into a text under a shop's brand is a name, or nothing."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from services.ingest.sources.generic import EventBody
from services.scheduler.api_models import FollowUpRequest
from services.scheduler.runs.facts import recipient_names
from shared import normalize
from shared.events.trigger import Contact

NO_NAMES = [
    "WIN at http://evil.example",
    "evil.example/win",
    "evil.example",
    "evil。example",
    "evil\u200b.example",
    "evil․example",
    "ana@evil.example",
    "call 900 555 0100",
    "call 900-5550100",
    "You WON $1000! claim at bit.ly/abc",
    "Ana\n\nYour bank: call 900",
    "Ana\rYour bank",
    "Ana\u2028Your bank",
    "\u202eanA",
    "Ana\u2066x\u2069",
    "Ana\x07",
    "x" * 41,
    " ",
    "",
    "\u200b",
    "...",
    "{{ merchant.brand }}",
]


@pytest.mark.parametrize("written", NO_NAMES)
def test_what_is_no_name_counts_as_absent(written: str) -> None:
    assert normalize.name(written) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ana", "Ana"),
        (" Ana  María ", "Ana María"),
        ("Ana\u200b", "Ana"),
        ("\ufeffAna\u00ad", "Ana"),
        ("Ana\u00a0Ruiz", "Ana Ruiz"),
        ("e\u0301va", "éva"),
        ("O'Brien-Smith Jr.", "O'Brien-Smith Jr."),
        ("J. R. R.", "J. R. R."),
        ("Мария", "Мария"),
        ("王小明", "王小明"),
        ("李", "李"),
        ("Nguyễn", "Nguyễn"),
        (None, None),
    ],
)
def test_a_name_is_read_once_as_it_is_meant(written: str | None, read: str | None) -> None:
    assert normalize.name(written) == read


@pytest.mark.parametrize(
    ("country", "state", "locale"),
    [("UK", "Wales", "en_GB"), ("usa", "New York", "en_US"), ("US", "US-NY", "en-US"), ("US", "n.y.", "en_US.UTF-8")],
)
def test_both_entry_points_understand_the_usual_spellings(country: str, state: str, locale: str) -> None:
    person: dict[str, Any] = {"country": country, "locale": locale, "first_name": "evil.example"}
    if state != "Wales":
        person["state"] = state
    asked = FollowUpRequest.model_validate({"to": "1", "text": "x", "purpose": "marketing", "recipient": person})
    event = EventBody.model_validate({"id": "1", "kind": "purchase", "recipient": person})

    for read in (asked.recipient, event.recipient):
        assert read.country == {"UK": "GB"}.get(country, "US")
        assert read.locale == ("en-GB" if country == "UK" else "en-US")
        assert read.state == (None if state == "Wales" else "NY")
        assert read.first_name is None


@pytest.mark.parametrize(
    "wrong", [{"country": "Atlantis"}, {"locale": "english please"}, {"country": 7}, {"locale": "x" * 99}]
)
def test_what_no_entry_point_understands_is_refused_at_each(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FollowUpRequest.model_validate({"to": "1", "text": "x", "purpose": "marketing", "recipient": wrong})
    with pytest.raises(ValidationError):
        EventBody.model_validate({"id": "1", "kind": "purchase", "recipient": wrong})


def test_a_name_that_rests_sealed_from_before_is_read_the_same_way() -> None:
    contact = Contact.model_validate_json(json.dumps({"phone": "+12125550123", "first_name": "evil.example/win"}))

    assert recipient_names(contact)["first_name"] is None
