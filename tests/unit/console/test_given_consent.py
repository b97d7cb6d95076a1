"""What the form of a consent asks of compliance, and what it refuses before."""

from dataclasses import asdict
from zoneinfo import ZoneInfo

import pytest

from services.compliance.consents.bodies import GivenConsentBody
from services.console.given_consent import LEVELS, METHODS, SCOPES, GivenConsent

NEW_YORK = ZoneInfo("America/New_York")
WHOLE = GivenConsent(at="2026-11-01T01:30", source=" Main Street ", disclosure="I agree.", note=" ")


def test_a_time_is_read_on_the_shops_clock_and_the_first_of_two() -> None:
    assert WHOLE.body(NEW_YORK) == {
        "scope": "marketing",
        "level": "pewc",
        "captured_at": "2026-11-01T05:30:00+00:00",
        "method": "in_person",
        "source": "Main Street",
        "disclosure": "I agree.",
        "note": None,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": " "}, "Say when"),
        ({"at": "yesterday"}, "Write a date and a time"),
        ({"at": "9999-12-31T23:59"}, "Write a date and a time"),
        ({"at": "2199-01-01T00:00"}, "too far away"),
        ({"source": " "}, "Say where"),
        ({"disclosure": " "}, "Write the wording"),
        ({"level": "express", "disclosure": ""}, "Write what proves it"),
    ],
)
def test_what_proves_nothing_is_refused_with_what_to_write(change: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        GivenConsent(**{**asdict(WHOLE), **change}).body(NEW_YORK)


def test_compliance_takes_each_choice_of_the_form() -> None:
    for scope, _words in SCOPES:
        for level, _meaning in LEVELS:
            for method, _way in METHODS:
                given = GivenConsent(**{**asdict(WHOLE), "scope": scope, "level": level, "method": method})
                assert GivenConsentBody.model_validate(given.body(NEW_YORK)).scope == scope
