"""The small inputs of `tests/cases/sending`, by id."""

import json
from typing import Any

from tests.integration.across_services.regressions import driver

CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in map(json.loads, (driver.CASES / "cases.jsonl").read_text("utf-8").splitlines())
}


def asked_in(kind: str) -> list[str]:
    """Return the ids of the cases of a kind."""
    return [case["id"] for case in CASES.values() if case["kind"] == kind]
