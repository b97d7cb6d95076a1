"""The gate as advice: the same decision on a question from outside, with nothing stored."""

from typing import Any

from services.compliance.gate.evaluation import evaluate_json
from shared.rule_files.loader import load_rules


def advise(question: dict[str, Any]) -> dict[str, Any]:
    """Return the gate's answer to a question in the evaluation format, or `{"error": ...}` for one it cannot read."""
    return evaluate_json(question, load_rules()).model_dump(mode="json")
