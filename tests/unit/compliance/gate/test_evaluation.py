"""The evaluation format: the documented example, unknown fields, and JSON that is no question."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.compliance.gate.evaluation import (
    EvaluationAnswer,
    EvaluationError,
    EvaluationRequest,
    evaluate_json,
)
from shared.rule_files.loader import load_rules

ASKED: dict[str, Any] = {"to": "+12125550123", "class": "marketing", "now": "2026-12-01T12:59:00Z"}
WRITTEN = {"status": "pewc", "captured_at": None, "expires_at": None, "revoked_at": None}


def answer(**fields: Any) -> EvaluationAnswer:
    found = evaluate_json(ASKED | {"consent": WRITTEN} | fields, load_rules())
    assert isinstance(found, EvaluationAnswer), found
    return found


def complaint(**fields: Any) -> str:
    found = evaluate_json(ASKED | fields, load_rules())
    assert isinstance(found, EvaluationError), found
    return found.error


def test_the_documented_question_gets_the_documented_answer() -> None:
    found = answer(
        known={"timezone": None, "state": None, "postal_code": None, "country": None},
        number={"ported": False, "type": None, "suppressed": False},
        history=[{"at": "2026-11-30T20:00:00Z", "class": "marketing"}],
        expires_at=None,
        profile="strict",
        close_guard_seconds=0,
    )
    assert (found.decision, found.reason, found.until, found.valid_until) == (
        "defer",
        "quiet_hours",
        "2026-12-01T13:00:00Z",
        None,
    )
    assert [(rule.id, rule.open, rule.skipped) for rule in found.rules] == [
        ("US", False, None),
        ("US-NY", False, None),
    ]
    assert [(zone.zone, zone.local_time, zone.open) for zone in found.zones] == [
        ("America/New_York", "2026-12-01T07:59:00-05:00", False)
    ]
    assert found.explanation == (
        "It is Tue 07:59 in America/New_York, outside the hours of United States (federal) (Mon-Sun 08:00-21:00), "
        "so this text waits until Tue 01 Dec 08:00 America/New_York time."
    )


def test_an_answer_has_exactly_the_documented_fields() -> None:
    assert set(answer().model_dump()) == {
        "decision",
        "reason",
        "until",
        "valid_until",
        "zones",
        "rules",
        "explanation",
    }


def test_a_clearance_says_how_long_it_lasts() -> None:
    found = answer(now="2026-12-01T08:00:00.5-05:00")
    assert (found.decision, found.reason, found.until) == ("send", "ok", None)
    assert found.valid_until == "2026-12-01T13:10:00.500000Z"


def test_only_to_class_and_now_are_required_and_the_rest_is_unknown() -> None:
    found = evaluate_json(ASKED, load_rules())
    assert isinstance(found, EvaluationAnswer)
    assert (found.decision, found.reason) == ("block", "no_consent")
    for field in ASKED:
        rest = {name: value for name, value in ASKED.items() if name != field}
        assert isinstance(evaluate_json(rest, load_rules()), EvaluationError)


@pytest.mark.parametrize("field", ["known", "number", "consent", "history", "expires_at", "profile"])
def test_null_is_the_same_as_omitted(field: str) -> None:
    whole = ASKED | {"consent": WRITTEN}
    omitted = {name: value for name, value in whole.items() if name != field}
    assert evaluate_json(whole | {field: None}, load_rules()) == evaluate_json(omitted, load_rules())


def test_an_unknown_field_is_refused_with_the_nearest_name() -> None:
    assert complaint(clas="x") == "clas: no such field, did you mean class?"
    assert complaint(known={"time_zone": "x"}) == "known.time_zone: no such field, did you mean timezone?"
    assert complaint(history=[{"at": "2026-12-01T00:00:00Z", "class": "marketing", "atx": 1}]).startswith(
        "history.0.atx: no such field, did you mean at?"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"now": "2026-12-01T12:59:00"},
        {"now": "yesterday"},
        {"now": 1_790_000_000},
        {"now": "1790000000"},
        {"now": "0001-01-01T00:00:00Z"},
        {"now": "9999-12-31T23:59:59Z"},
        {"to": 12125550123},
        {"consent": {"status": "maybe"}},
        {"history": [{"at": "2026-12-01T00:00:00Z", "class": "postcard"}]},
        {"profile": "lenient"},
        {"close_guard_seconds": -1},
    ],
)
def test_a_question_that_fails_the_schema_gets_a_complaint(wrong: dict[str, Any]) -> None:
    assert next(iter(wrong)) in complaint(**wrong)


def test_a_complaint_never_repeats_a_value() -> None:
    assert "2125550123" not in complaint(to={"number": "+12125550123"})


@pytest.mark.parametrize("question", ["", "text", [1], 3, None])
def test_json_that_is_no_question_gets_an_error_in_its_place(question: object) -> None:
    assert isinstance(evaluate_json(question, load_rules()), EvaluationError)


def test_an_unknown_class_is_an_answer_and_not_an_error() -> None:
    assert answer(**{"class": "newsletter"}).reason == "unknown_class"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ({"suppressed": True}, "suppressed_number"),
        ({"type": "landline"}, "unsupported_number_type"),
        ({"type": "Fixed Line"}, "unsupported_number_type"),
        ({"type": "toll_free"}, "unsupported_number_type"),
        ({"type": "mobile"}, "quiet_hours"),
        ({"type": "walkie-talkie"}, "quiet_hours"),
    ],
)
def test_what_is_known_of_the_line_counts(number: dict[str, Any], reason: str) -> None:
    assert answer(number=number).reason == reason


@pytest.mark.parametrize("number", [{"ported": True}, {"type": "nonFixedVoip"}])
def test_a_number_that_moved_may_be_on_any_contiguous_clock(number: dict[str, Any]) -> None:
    assert len(answer(number=number).zones) == 5


def test_an_inbound_help_of_the_history_is_answered() -> None:
    asked = [{"at": "2026-12-01T12:58:00Z", "class": "inbound_help"}]
    assert answer(**{"class": "help"}, history=asked, consent=None).decision == "send"


def test_a_confirmation_since_the_first_of_several_withdrawals_was_the_one_allowed() -> None:
    asked = {
        "class": "opt_out_confirmation",
        "history": [{"at": "2026-12-01T11:00:00Z", "class": "opt_out_confirmation"}],
    }
    stopped = {"status": "revoked", "revoked_at": "2026-12-01T12:58:00Z"}
    assert answer(**asked, consent=stopped).decision == "send"
    again = answer(**asked, consent=stopped | {"revoked_since": "2026-12-01T10:59:00Z"})
    assert (again.decision, again.reason) == ("block", "confirmation_already_sent")
    assert answer(**asked, consent=stopped | {"revoked_since": "2026-12-01T11:00:01Z"}).decision == "send"


@pytest.mark.parametrize("status", ["maybe", "PEWC", "", 7, ["pewc"]])
def test_an_unknown_consent_status_is_refused_in_its_place_and_the_next_question_is_judged(status: object) -> None:
    questions = [ASKED | {"consent": {"status": each}} for each in (status, "pewc")]
    refused, judged = (evaluate_json(question, load_rules()) for question in questions)
    assert isinstance(refused, EvaluationError)
    assert refused.error.startswith("consent.status: ")
    assert isinstance(judged, EvaluationAnswer)


@pytest.mark.parametrize("status", [None, "none", "unknown"])
def test_unknown_consent_is_no_consent(status: str | None) -> None:
    found = answer(consent={"status": status})
    assert (found.decision, found.reason) == ("block", "no_consent")


def test_an_unusable_zone_leaves_it_to_the_number() -> None:
    for name in ("Mars/Phobos", "", "  ", "America/New_Yrok"):
        found = answer(known={"timezone": name})
        assert [zone.zone for zone in found.zones] == ["America/New_York"]
        assert found.decision == "defer"


@pytest.mark.parametrize(
    ("fields", "readable"),
    [
        ({"now": "1971-01-01T12:00:00Z"}, True),
        ({"now": "1970-12-31T12:00:00Z"}, False),
        ({"now": "2799-12-30T12:00:00Z"}, True),
        ({"now": "2800-01-02T12:00:00Z"}, False),
        ({"close_guard_seconds": 86_400}, True),
        ({"close_guard_seconds": 86_401}, False),
        ({"close_guard_seconds": 0}, True),
        ({"close_guard_seconds": -1}, False),
    ],
)
def test_values_beyond_what_makes_sense_are_refused(fields: dict[str, Any], *, readable: bool) -> None:
    assert isinstance(evaluate_json(ASKED | fields, load_rules()), EvaluationAnswer) is readable


def test_a_question_cannot_be_changed_once_it_is_read() -> None:
    question = EvaluationRequest.model_validate(ASKED)
    with pytest.raises(ValidationError, match="frozen"):
        question.to = "+12125550199"  # type: ignore[misc] # the point of the test


def test_the_first_due_time_bounds_the_wait() -> None:
    assert answer(first_due_at="2026-11-24T12:00:00Z").reason == "message_expired"


@given(
    st.dictionaries(
        st.sampled_from(["to", "class", "now", "known", "number", "consent", "history", "expires_at", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=30),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_any_json_gets_an_answer_or_a_complaint(fields: dict[str, Any]) -> None:
    found = evaluate_json(json.loads(json.dumps(ASKED | fields)), load_rules())
    assert isinstance(found, EvaluationAnswer | EvaluationError)


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_text_in_the_place_of_a_fact_breaks_the_gate(to: str, state: str, postal: str, country: str) -> None:
    known = {"timezone": state, "state": state, "postal_code": postal, "country": country}
    assert answer(to=to, known=known).reason in {"invalid_number", "unsupported_number_type", "quiet_hours"}
    assert answer(known=known).decision in {"send", "defer", "block"}
