"""The engine's answer to a question, in the oracle's words."""

from collections.abc import Mapping
from typing import Any

from services.compliance.gate.evaluation import EvaluationAnswer, evaluate_json
from shared.rule_files.loader import load_rules
from tests.oracle.gate_oracle import Answer, instant, is_over, judge, least_of


def answer(question: Mapping[str, Any]) -> Answer:
    """Return what `followup gate` answers."""
    found = evaluate_json(question, load_rules())
    assert isinstance(found, EvaluationAnswer), found
    return Answer(found.decision, found.reason, instant(found.until), instant(found.valid_until))


def difference(question: Mapping[str, Any]) -> str | None:
    """Return where engine and oracle differ; None if they agree, and a deferral is clear at its time.

    A deferral keeps its word when asking again at `until`, with nothing else changed, is answered by send; only a
    consent that has ended by then may be what stands against it.
    """
    ours, theirs = answer(question), judge(question)
    if ours != theirs:
        return f"{question}\n  engine: {ours}\n  oracle: {theirs}"
    if ours.until is None:
        return None
    first_due = question.get("first_due_at") or question["now"]
    again = answer({**question, "now": ours.until.isoformat(), "first_due_at": first_due})
    needs_consent = question["class"] != "conversation"
    end = instant((question.get("consent") or {}).get("expires_at")) if needs_consent else None
    expected = "consent_expired" if is_over(end, ours.until, least_of(question)) else "ok"
    return None if again.reason == expected else f"{question}\n  deferred until {ours.until}, and then: {again}"
