"""The result of each event of one request, and the body of the answer.

{"accepted": 1, "duplicates": 0, "no_recipient": 0, "refused": 1,
 "events": [{"id": "evt-1", "status": "accepted"},
            {"id": "evt-2", "status": "refused", "errors": [{"field": "kind", "reason": "unknown kind; …"}]}]}
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.ingest.domain.parsed_deliveries import DeliveryOutcome
from services.ingest.preparation import ReceivedDelivery
from shared.http.problems import FieldProblem

REFUSED: Final = "refused"
LONGEST_ID_CHARACTERS: Final = 200
MOST_PROBLEMS_AN_EVENT: Final = 10
"""More would help no caller, and an answer should not outgrow its request."""
_CONFLICT: Final = FieldProblem(field="id", reason="was used for another event; use a new id, or send it unchanged")


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event that can be recorded."""

    id: str
    delivery: ReceivedDelivery


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that cannot be recorded, and why; its id if it has one."""

    id: str | None
    problems: Sequence[FieldProblem]


@dataclass(frozen=True, slots=True)
class EventResult:
    """The result of one event."""

    id: str | None
    status: str
    problems: Sequence[FieldProblem] = ()


def build_results(
    events: Sequence[AcceptedEvent | RefusedEvent], statuses: Sequence[DeliveryOutcome], conflicts: Collection[int]
) -> Sequence[EventResult]:
    """Return the result of each event.

    Args:
        events: every event of the request, in its order.
        statuses: the outcomes of those that were recorded, in the same order.
        conflicts: positions among the recorded ones whose id was used before for another event.
    """
    return list(_results(events, statuses, conflicts))


def _results(
    events: Sequence[AcceptedEvent | RefusedEvent], statuses: Sequence[DeliveryOutcome], conflicts: Collection[int]
) -> Iterator[EventResult]:
    position = 0
    for event in events:
        if isinstance(event, RefusedEvent):
            yield EventResult(event.id, REFUSED, event.problems)
            continue
        if position in conflicts:
            yield EventResult(event.id, REFUSED, (_CONFLICT,))
        else:
            # An event that another delivery published earlier (its key deleted, its event not) is a repeat to callers.
            status = statuses[position]
            status = DeliveryOutcome.DUPLICATE if status is DeliveryOutcome.IGNORED else status
            yield EventResult(event.id, status.value)
        position += 1


def response_body(results: Sequence[EventResult]) -> dict[str, Any]:
    """Return the body of the answer."""
    shown = [result.status for result in results]
    duplicates, refused = shown.count(DeliveryOutcome.DUPLICATE.value), shown.count(REFUSED)
    return {
        "accepted": len(shown) - duplicates - refused,
        "duplicates": duplicates,
        "no_recipient": shown.count(DeliveryOutcome.NO_RECIPIENT.value),
        "refused": refused,
        "events": [_shown(result) for result in results],
    }


def _shown(result: EventResult) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": result.id, "status": result.status}
    if result.problems:
        shown["errors"] = [problem.model_dump() for problem in result.problems[:MOST_PROBLEMS_AN_EVENT]]
    return shown
