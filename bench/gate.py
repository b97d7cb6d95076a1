"""The gate on one core: the pure decision by itself, and the batch path from a due event to its verdict."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import services.compliance.app
from bench.measuring import Result, figure
from bench.stage import durability
from services.compliance.domain.evaluation import EvaluationRequest, evaluate
from services.compliance.domain.rule_files import load_rules
from shared.config.directory import MerchantDirectory
from shared.testing import make_compliance
from shared.testing.clock import FakeClock
from shared.testing.house import house

_EVALUATIONS = 5000
_DUES = 2000
_NUMBERS = ("+12125550123", "+13055550123", "+447700900123", "+33612345678")


async def run(rounds: int) -> Result:
    """Measure both."""
    settings = await durability()
    return Result(
        "gate",
        (
            figure("decisions, pure", "decisions/s", [_decisions() for _ in range(rounds)]),
            figure("due to verdict, in batches, stored", "events/s", [await _verdicts() for _ in range(rounds)]),
        ),
        settings | {"decisions a round": str(_EVALUATIONS), "events a round": str(_DUES)},
    )


def _decisions() -> float:
    """Return marketing decisions a second, over a few countries."""
    rules = load_rules()
    questions = [
        EvaluationRequest.model_validate(
            {
                "to": number,
                "class": "marketing",
                "now": "2026-12-01T17:00:00Z",
                "consent": {"status": "pewc"},
                "history": [{"at": "2026-11-29T20:00:00Z", "class": "marketing"}],
            }
        )
        for number in _NUMBERS
    ]
    for question in questions:
        evaluate(question, rules)
    began = time.perf_counter()
    for count in range(_EVALUATIONS):
        evaluate(questions[count % len(questions)], rules)
    return _EVALUATIONS / (time.perf_counter() - began)


async def _verdicts() -> float:
    """Return due events a second that compliance judges, records and answers, polls of 500."""
    with TemporaryDirectory(prefix="followup-bench-") as name:
        clock = FakeClock()
        directory = MerchantDirectory.load(make_compliance.merchants_folder(Path(name)), {})
        async with house(Path(name), clock, directory) as ground:
            service = services.compliance.app.build(ground.runtime)
            await ground.create(service.metadata)
            sealer, at = ground.runtime.sealer, clock.now()
            dues = [
                make_compliance.due(sealer, at, f"text-{number}", phone=f"+1212{2_000_000 + number:07d}")
                for number in range(_DUES)
            ]
            await ground.publish(*dues)
            began = time.perf_counter()
            taken = await ground.settle(service)
            seconds = time.perf_counter() - began
            assert taken >= _DUES, taken
    return _DUES / seconds
