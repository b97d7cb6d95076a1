"""What became of each event of one request, and how it is told.

{"accepted": 1, "duplicates": 0, "no_recipient": 0, "refused": 1,
 "events": [{"id": "evt-1", "status": "accepted"},
            {"id": "evt-2", "status": "refused", "errors": [{"field": "kind", "reason": "unknown kind; …"}]}]}
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.ingest.delivery_preparation import ReceivedDelivery
from services.ingest.domain.parsed_deliveries import DeliveryOutcome
from shared.http.problems import FieldProblem

REFUSED: Final = "refused"
LONGEST_ID_CHARACTERS: Final = 200
MOST_PROBLEMS_AN_EVENT: Final = 10
"""More would help nobody, and an answer should not outgrow its request."""
_CONFLICT: Final = FieldProblem(field="id", reason="was used for another event; use a new id, or send it as it was")


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event that can be recorded."""

    id: str
    delivery: ReceivedDelivery


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that cannot, and why; its id where it has one."""

    id: str | None
    problems: Sequence[FieldProblem]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one event."""

    id: str | None
    status: str
    problems: Sequence[FieldProblem] = ()


def results(
    told: Sequence[AcceptedEvent | RefusedEvent], statuses: Sequence[DeliveryOutcome], conflicts: Collection[int]
) -> Sequence[Result]:
    """Return what became of each event.

    Args:
        told: every event of the request, in its order.
        statuses: what became of those that could be recorded, in the same order.
        conflicts: places among those whose id was used before for another event.
    """
    return list(_results(told, statuses, conflicts))


def _results(
    told: Sequence[AcceptedEvent | RefusedEvent], statuses: Sequence[DeliveryOutcome], conflicts: Collection[int]
) -> Iterator[Result]:
    place = 0
    for each in told:
        if isinstance(each, RefusedEvent):
            yield Result(each.id, REFUSED, each.problems)
            continue
        if place in conflicts:
            yield Result(each.id, REFUSED, (_CONFLICT,))
        else:
            # What another delivery had told already (its key forgotten, its event not) is a repeat to the caller.
            status = statuses[place]
            yield Result(each.id, (DeliveryOutcome.DUPLICATE if status is DeliveryOutcome.IGNORED else status).value)
        place += 1


def answer_of(found: Sequence[Result]) -> dict[str, Any]:
    """Return the body of the answer."""
    shown = [each.status for each in found]
    duplicates, refused = shown.count(DeliveryOutcome.DUPLICATE.value), shown.count(REFUSED)
    return {
        "accepted": len(shown) - duplicates - refused,
        "duplicates": duplicates,
        "no_recipient": shown.count(DeliveryOutcome.NO_RECIPIENT.value),
        "refused": refused,
        "events": [_shown(each) for each in found],
    }


def _shown(result: Result) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": result.id, "status": result.status}
    if result.problems:
        shown["errors"] = [problem.model_dump() for problem in result.problems[:MOST_PROBLEMS_AN_EVENT]]
    return shown
