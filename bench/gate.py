"""The gate on one core: the pure decision by itself, and the batch path from a due event to its stored verdict.

Both in processor time, all threads and the database's part of the process included: it does not change when somebody
else uses the machine, and a second of it is a second of one core.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import services.compliance.app
from bench.harness import durability
from bench.measurement import Result, figure
from services.compliance.gate.evaluation import EvaluationRequest, evaluate
from shared import process
from shared.bus.local import LocalLog
from shared.config.directory import MerchantDirectory
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.envelope import Event
from shared.rule_files.loader import load_rules
from shared.service import Service
from shared.testing import make_compliance
from shared.testing.clock import FakeClock
from shared.testing.harness import harness
from shared.testing.limits import BOUNDLESS

_EVALUATIONS = 5000
_DUES = 2000
_NUMBERS = ("+12125550123", "+13055550123", "+447700900123", "+33612345678")


async def run(rounds: int) -> Result:
    """Measure both."""
    settings = await durability()
    blocked = [await _verdicts(consented=False) for _ in range(rounds)]
    cleared = [await _verdicts(consented=True) for _ in range(rounds)]
    return Result(
        "gate",
        (
            figure("decisions, pure", "decisions/s", [_decisions() for _ in range(rounds)]),
            figure("verdicts stored: no consent, blocked", "verdicts/s", blocked, ">= 10,000"),
            figure("verdicts stored: consent, an earlier text, slot reserved", "verdicts/s", cleared, ">= 10,000"),
        ),
        settings | {"seconds": "of one core", "decisions a round": str(_EVALUATIONS), "verdicts a round": str(_DUES)},
    )


def _decisions() -> float:
    """Return marketing decisions a second of one core, over a few countries."""
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
    began = time.process_time()
    for count in range(_EVALUATIONS):
        evaluate(questions[count % len(questions)], rules)
    return _EVALUATIONS / (time.process_time() - began)


async def _verdicts(*, consented: bool) -> float:
    """Return due events that compliance judges, records and answers in a second of one core, polls of 500.

    Args:
        consented: everybody has agreed in writing, and was cleared for a text an hour ago.
    """
    with TemporaryDirectory(prefix="followup-bench-") as name:
        clock = FakeClock()
        directory = MerchantDirectory.load(make_compliance.merchants_folder(Path(name), limits=BOUNDLESS), {})
        async with harness(Path(name), clock, directory) as built:
            # The log of the application in a test reads back what it writes; the shipped one does not.
            service = services.compliance.app.build(replace(built.runtime, log=LocalLog(built.runtime.database)))
            await built.create(service.metadata)
            sealer, people = built.runtime.sealer, [f"+1212{2_000_000 + number:07d}" for number in range(_DUES)]
            if consented:
                await _heard(service, [make_compliance.claim(sealer, phone=phone) for phone in people])
                await _heard(
                    service, [make_compliance.due(sealer, clock.now(), f"first-{each}", phone=each) for each in people]
                )
                clock.advance(hours=1)
            dues = [make_compliance.due(sealer, clock.now(), f"next-{each}", phone=each) for each in people]
            return _DUES / await _heard(service, dues)


async def _heard(service: Service, events: Sequence[Event]) -> float:
    """Publish events and let the service take them; return the processor seconds that took it."""

    async def publish(uow: UnitOfWork) -> None:
        for event in events:
            uow.publish(event)

    await service.units.run(publish, WritePriority.BATCHES)
    process.freeze_startup_objects()  # as the application does after its start
    assert service.runner is not None
    began, taken = time.process_time(), 0
    while taken < len(events):
        taken += await service.runner.step(linger_seconds=0)
    return time.process_time() - began
