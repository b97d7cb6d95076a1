"""What `followup audit log` says of an entry in one line."""

from typing import Any

from services.cli.audit import sentence

ENTRY: dict[str, Any] = {
    "at": "2026-12-01T12:00:00Z",
    "actor_kind": "api_key",
    "actor": "back-office",
    "origin": "public",
    "action": "control.paused",
    "subject_kind": "control",
    "subject": "c",
    "recipient": None,
    "fields": ["flow"],
    "counts": {},
    "reason": "wrong code",
    "reason_state": "kept",
}


def test_it_says_who_from_where_what_on_what_and_why() -> None:
    said = "2026-12-01T12:00:00Z  key back-office (public): control.paused control c; given: flow; why: wrong code"
    assert sentence(ENTRY) == said


def test_a_key_that_is_called_operator_is_not_the_operator() -> None:
    assert "key operator (" in sentence({**ENTRY, "actor": "operator"})
    assert "the operator (" in sentence({**ENTRY, "actor_kind": "operator", "actor": "operator"})


def test_a_user_of_the_console_is_called_so() -> None:
    assert "  user anna (none): " in sentence({**ENTRY, "actor_kind": "user", "actor": "anna", "origin": "none"})


def test_a_stranger_has_no_name() -> None:
    assert "  somebody not signed in (public): " in sentence({**ENTRY, "actor_kind": "stranger", "actor": ""})


def test_an_erased_reason_is_told_from_none() -> None:
    assert sentence({**ENTRY, "reason": None, "reason_state": "erased"}).endswith("why: (erased)")
    assert "why" not in sentence({**ENTRY, "reason": None, "reason_state": "none"})


def test_counts_and_the_person_are_named() -> None:
    said = sentence({**ENTRY, "recipient": "r", "counts": {"rows": 2}})
    assert "; recipient r; given: flow; 2 rows;" in said
