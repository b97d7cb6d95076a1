"""The routes of the gate: ask it about a text without sending one, and read the verdicts on a follow-up."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends
from fastapi.responses import JSONResponse, Response

from services.compliance.gate import store
from services.compliance.gate.advice import advise
from services.compliance.gate.evaluation import answer_of, rfc3339
from services.compliance.gate.records import recompute
from services.compliance.gate.store import StoredVerdict
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.http.problems import not_found, unprocessable
from shared.http.strict_json import StrictRoute
from shared.rule_files.loader import load_rules
from shared.worker_thread import in_worker_thread

_QUESTION_BYTES = 3_000
"""Judging one question takes about as long as reading this many bytes of JSON."""
_MAX_EVALUATIONS = 1000


def create_router(units: UnitOfWorkRunner) -> APIRouter:
    """Return the routes of the gate."""
    router = APIRouter(tags=["gate"], route_class=StrictRoute)

    @router.post("/v1/gate/evaluations", summary="Ask the gate without sending anything; one question or a list")
    async def evaluate(
        body: Annotated[dict[str, Any] | list[dict[str, Any]], Body()],
        _caller: Annotated[Caller, Depends(requires("gate:read"))],
    ) -> Response:
        count = 1 if isinstance(body, dict) else len(body)
        return await in_worker_thread(lambda: JSONResponse(_advices(body)), count * _QUESTION_BYTES)

    @router.get("/v1/decisions/{follow_up_id}", summary="List every verdict on one follow-up, with its evidence")
    async def decisions(
        follow_up_id: UUID, caller: Annotated[Caller, Depends(requires("decisions:read"))]
    ) -> dict[str, Any]:
        found = await units.read(lambda db: store.decisions_of(db, caller.merchant.id, follow_up_id))
        if not found:
            raise not_found("a verdict on this follow-up")
        return {"follow_up_id": str(follow_up_id), "decisions": [_decision_answer(verdict) for verdict in found]}

    return router


def _advices(body: dict[str, Any] | list[dict[str, Any]]) -> Any:
    """Return the gate's answer to one question, or to each of a list; 422 where one cannot be read."""
    if isinstance(body, dict):
        return _advice(body, "body")
    if len(body) > _MAX_EVALUATIONS:
        raise unprocessable("body", f"at most {_MAX_EVALUATIONS} questions at once")
    return [_advice(question, str(number)) for number, question in enumerate(body)]


def _advice(question: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the gate's answer to one question; 422 for one it cannot read."""
    answer = advise(question)
    if "error" in answer:
        raise unprocessable(field, answer["error"])
    return answer


def _decision_answer(decision: StoredVerdict) -> dict[str, Any]:
    """Return one verdict in the evaluation format, and whether judging its record again gives the same verdict."""
    record = decision.record
    again = recompute(record, load_rules())
    same = "identical" if again == record.verdict else "differs"
    return {
        "release": decision.release,
        "decided_at": rfc3339(decision.decided_at),
        **answer_of(record.verdict).model_dump(mode="json"),
        "rules_version": record.rules_version,
        "gate_version": record.gate_version,
        "recomputed": "other_version" if again is None else same,
    }
