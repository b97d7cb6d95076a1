"""The HTTP entry point of the merchant's own systems: `POST /v1/events`, one event or a list.

Each event of a list has its own result: a refused one says what is wrong with it and does not affect the others. If
no event of a request can be recorded, the request is refused as a single event is. The answer to a list:

    {"accepted": 1, "duplicates": 0, "no_recipient": 0, "refused": 1,
     "events": [{"id": "evt-1", "status": "accepted"},
                {"id": "evt-2", "status": "refused", "errors": [{"field": "kind", "reason": "unknown kind; …"}]}]}
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from services.ingest import store
from services.ingest.credentials import shop_of
from services.ingest.domain.announcements import Origin
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, must_pass
from services.ingest.domain.prepared_deliveries import EVENTS_API
from services.ingest.instruments import DELIVERIES
from services.ingest.preparation import DeliveryPreparer, ReceivedDelivery
from services.ingest.sources.generic import EventBody, findings_in, read_event
from services.ingest.sources.json_object import InvalidField
from services.ingest.tallies.tallies import OVER_QUOTA, REFUSED, SourceTallies
from services.ingest.webhooks_api import count_anomalies, count_delivery
from shared import ids
from shared.db.system_tables import SystemTables
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.failpoints import failpoint
from shared.http.auth import Caller, requires
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import FieldProblem, HTTPProblem
from shared.http.quota import QuotaUsage, reworded
from shared.http.strict_json import parsed
from shared.service import Runtime
from shared.worker_thread import in_worker_thread

MOST_EVENTS = 500
MOST_PROBLEMS = 100
MOST_PROBLEMS_AN_EVENT = 10
"""More would help no caller, and an answer should not outgrow its request."""
LONGEST_ID_CHARACTERS = 200
PATH = "/v1/events"
UNREAD_SECONDS = 0.5
"""Delay of the answer to a request that is refused before its body is read: it slows a caller that never pauses."""
_CONFLICT: Final = FieldProblem(field="id", reason="was used for another event; use a new id, or send it unchanged")


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event: `refused` with every problem, or its outcome; its id if it has one."""

    id: str | None
    status: str
    problems: Sequence[FieldProblem] = ()


class EventOutcome(BaseModel):
    """What became of one event of a request."""

    id: str | None
    status: str = Field(description="accepted, duplicate, ignored (nothing in it is new), no_recipient or refused.")
    errors: list[FieldProblem] = Field(default=[], description="Of a refused one: each field that is wrong, and why.")


class EventsAnswer(BaseModel):
    """What became of the events of a request, in their order."""

    accepted: int
    duplicates: int
    no_recipient: int = Field(description="Of those accepted: they name nobody who can be texted.")
    refused: int
    events: list[EventOutcome]


class EventEndpoints:
    """Receives events: parse, check quotas, prepare, record, answer each event."""

    def __init__(
        self, runtime: Runtime, system_tables: SystemTables, preparer: DeliveryPreparer, tallies: SourceTallies
    ) -> None:
        self._units = runtime.units
        self._clock = runtime.clock
        self._require_room = runtime.log.require_room
        self._quotas = runtime.quotas
        self._system_tables = system_tables
        self._preparer = preparer
        self._tallies = tallies
        self._keyed_hash = runtime.sealer.keyed_hash

    async def receive(self, request: Request, caller: Caller, idempotency_key: str | None) -> Response:
        """Record the events of one request, and answer each.

        Raises:
            HTTPProblem: 409, 422 or 429; of a request over its quota, withdrawals and privacy requests were recorded.
            Fault: the database is unavailable or the outbox full; nothing stored.
        """
        return await self.take(await self._read(request, caller), caller, idempotency_key)

    async def take(self, body: bytes, caller: Caller, idempotency_key: str | None, path: str = PATH) -> Response:
        """Record what a body holds, and answer each event; idempotency keys belong to the path.

        Raises:
            HTTPProblem, Fault: see `receive`.
        """
        self._require_room()

        def parse() -> tuple[Any, Keyed | None, list[ReceivedDelivery | EventResult]]:
            document = parsed(body)
            keyed = Keyed.of(caller.merchant.id, idempotency_key, path, document, self._keyed_hash)
            return document, keyed, _parse_events(document, caller, self._clock.now())

        document, keyed, events = await in_worker_thread(parse, len(body))
        is_list = isinstance(document, list)
        accepted = [event for event in events if isinstance(event, ReceivedDelivery)]
        refusal = self._quotas.refusal(caller, QuotaUsage(PATH, len(events), len(body)))
        if refusal is not None:
            self._note(caller, Counter({OVER_QUOTA: len(events)}))
            raise await self._record_withdrawals(accepted, refusal)
        if not accepted:
            self._note(caller, Counter({REFUSED: len(events)}))
        _refuse_if_all_invalid(events, is_list=is_list)
        arrivals = await in_worker_thread(lambda: [self._preparer.prepare(one) for one in accepted], len(body))

        async def work(uow: UnitOfWork) -> tuple[int, Any, Sequence[EventResult]]:
            if (before := await answered(uow.db, self._system_tables, keyed)) is not None:
                return *before, ()
            statuses = await store.record(uow, arrivals)
            # Looked at after recording: another request may have been first by a moment.
            conflicts = await store.conflicts(uow.db, arrivals) if DeliveryOutcome.DUPLICATE in statuses else []
            results = _results(events, statuses, conflicts)
            _refuse_if_all_conflict(results, is_list=is_list)
            answer = _answer(results)
            await remember(uow, self._system_tables, keyed, HTTPStatus.ACCEPTED, answer)
            failpoint("ingest.before_commit")
            return HTTPStatus.ACCEPTED, answer, results

        status, answer, results = await self._units.run(work, WritePriority.INGEST)
        failpoint("ingest.after_commit")
        _count(events, results)
        self._note(caller, Counter(result.status for result in results))
        return JSONResponse(answer, status_code=status)

    def _note(self, caller: Caller, outcomes: Mapping[str, int]) -> None:
        """Count events for the list of sources."""
        for outcome, number in outcomes.items():
            reason = "invalid" if outcome == REFUSED else ""
            self._tallies.note(caller.merchant.id, EVENTS_API, outcome, number=number, reason=reason)

    async def _read(self, request: Request, caller: Caller) -> bytes:
        """Return the body.

        Raises:
            HTTPProblem: 429 after a delay, for a large body over the quota; a chunked one is read to learn its size.
        """
        announced = int(request.headers.get("Content-Length", 0))  # digits, as `BodyLimit` checked
        refusal, body = self._quotas.unread_refusal(caller, PATH, announced), b""
        if refusal is None:
            body = await request.body()
            refusal = None if announced else self._quotas.unread_refusal(caller, PATH, len(body))
        if refusal is not None:
            await asyncio.sleep(UNREAD_SECONDS)
            raise refusal
        return body

    async def _record_withdrawals(self, deliveries: Sequence[ReceivedDelivery], refusal: HTTPProblem) -> HTTPProblem:
        """Record the withdrawals in a request that is over its quota; return the refusal of the rest.

        The caller sends the whole request again; the withdrawals are repeats then.
        """
        passing = [delivery for delivery in deliveries if must_pass(delivery.outcome)]
        if not passing:
            return refusal
        arrivals = [self._preparer.prepare(delivery) for delivery in passing]

        async def work(uow: UnitOfWork) -> Sequence[DeliveryOutcome]:
            return await store.record(uow, arrivals)

        for delivery, outcome in zip(passing, await self._units.run(work, WritePriority.INGEST), strict=True):
            count_delivery(delivery, outcome)
        return reworded(
            refusal, f"{len(passing)} of its events withdraw something and were recorded; send the whole list again"
        )


def add_routes(router: APIRouter, endpoints: EventEndpoints) -> None:
    """Add the route of the merchant's own systems."""

    @router.post(
        PATH,
        summary="Report events",
        response_model=EventsAnswer,
        status_code=HTTPStatus.ACCEPTED,
        responses={429: {"description": "Over a quota; opt-outs and privacy requests were recorded all the same"}},
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}},
    )
    async def tell(
        request: Request,
        caller: Annotated[Caller, Depends(requires("events:write"))],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        return await endpoints.receive(request, caller, idempotency_key)


def _parse_events(document: Any, caller: Caller, now: datetime) -> list[ReceivedDelivery | EventResult]:
    """Return each event of the request, or what is wrong with it.

    Raises:
        HTTPProblem: 422, there are too many, or none.
    """
    documents = document if isinstance(document, list) else [document]
    if not 0 < len(documents) <= MOST_EVENTS:
        raise _invalid([FieldProblem(field="events", reason=f"must be 1 to {MOST_EVENTS} events")])
    events: list[ReceivedDelivery | EventResult] = []
    for one in documents:
        try:
            events.append(_parse_event(one, caller, now))
        except InvalidField as first:
            found = findings_in(one) or [first]
            problems = [FieldProblem(field=finding.field, reason=finding.reason) for finding in found]
            events.append(EventResult(_id_of(one), REFUSED, problems))
    return events


def _parse_event(document: Any, caller: Caller, now: datetime) -> ReceivedDelivery:
    merchant = caller.merchant
    event, outcome = read_event(document, shop_of(merchant), now)
    return ReceivedDelivery(
        origin=Origin(merchant.id, EVENTS_API, ids.minted(now), now, caller.asked_by),
        topic=event.kind,
        repeat_keys=(event.id,),
        body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS),
        headers={},
        outcome=outcome,
    )


def _id_of(document: Any) -> str | None:
    """Return the id by which the caller can find a refused event, if it has a usable one."""
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) and len(found) <= LONGEST_ID_CHARACTERS else None


def _refuse_if_all_invalid(events: Sequence[ReceivedDelivery | EventResult], *, is_list: bool) -> None:
    """Refuse the request if none of its events is valid.

    Raises:
        HTTPProblem: 422 with every field that is wrong.
    """
    refused = [event for event in events if isinstance(event, EventResult)]
    if len(refused) == len(events):
        DELIVERIES.labels(EVENTS_API, REFUSED).inc(len(refused))
        raise _invalid(_problems(refused, is_list=is_list))


def _refuse_if_all_conflict(results: Sequence[EventResult], *, is_list: bool) -> None:
    """Refuse the request if each of its events is invalid or has an id that was used for another event.

    Raises:
        HTTPProblem: 409.
    """
    if all(result.problems for result in results):
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "event_conflict",
            "an id was used before for another event; use a new id, or send the event unchanged",
            _problems(results, is_list=is_list)[:MOST_PROBLEMS],
        )


def _problems(results: Sequence[EventResult], *, is_list: bool) -> list[FieldProblem]:
    """Return what is wrong with every event of a request, named by its place in the request."""
    return [
        FieldProblem(field=f"events.{position}.{problem.field}" if is_list else problem.field, reason=problem.reason)
        for position, result in enumerate(results)
        for problem in result.problems
    ]


def _results(
    events: Sequence[ReceivedDelivery | EventResult], outcomes: Sequence[DeliveryOutcome], conflicts: Collection[int]
) -> list[EventResult]:
    """Return the result of each event.

    Args:
        events: every event of the request, in its order.
        outcomes: of those that were recorded, in the same order.
        conflicts: positions among the recorded ones whose id was used before for another event.
    """
    recorded = iter(enumerate(outcomes))
    results = []
    for event in events:
        if isinstance(event, EventResult):
            results.append(event)
            continue
        position, outcome = next(recorded)
        event_id = event.repeat_keys[0]
        if position in conflicts:
            results.append(EventResult(event_id, REFUSED, (_CONFLICT,)))
        else:
            # An event that another delivery published earlier (its key deleted, its event not) is a repeat to callers.
            is_repeat = outcome is DeliveryOutcome.IGNORED
            results.append(EventResult(event_id, (DeliveryOutcome.DUPLICATE if is_repeat else outcome).value))
    return results


def _answer(results: Sequence[EventResult]) -> dict[str, Any]:
    """Return the body of the answer."""
    count = Counter(result.status for result in results)
    duplicates, refused = count[DeliveryOutcome.DUPLICATE.value], count[REFUSED]
    events: list[dict[str, Any]] = []
    for result in results:
        shown = [problem.model_dump() for problem in result.problems[:MOST_PROBLEMS_AN_EVENT]]
        events.append({"id": result.id, "status": result.status} | ({"errors": shown} if shown else {}))
    return {
        "accepted": len(results) - duplicates - refused,
        "duplicates": duplicates,
        "no_recipient": count[DeliveryOutcome.NO_RECIPIENT.value],
        "refused": refused,
        "events": events,
    }


def _count(events: Sequence[ReceivedDelivery | EventResult], results: Sequence[EventResult]) -> None:
    """Count the events by outcome, one lookup of the counter for each outcome, since a lookup by labels is slow.

    A request that repeats a stored answer has no results, and nothing is counted.
    """
    for outcome, number in Counter(result.status for result in results).items():
        DELIVERIES.labels(EVENTS_API, outcome).inc(number)
    for event, result in zip(events, results, strict=False):
        if isinstance(event, ReceivedDelivery) and not result.problems:
            count_anomalies(event, DeliveryOutcome(result.status))


def _invalid(problems: Sequence[FieldProblem]) -> HTTPProblem:
    first = problems[0]
    detail = f"{first.field}: {first.reason}"
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, problems[:MOST_PROBLEMS])


def _schema() -> dict[str, Any]:
    """Return the body's schema with every part in place, as an OpenAPI operation needs it."""
    schema = EventBody.model_json_schema()
    parts = schema.pop("$defs")

    def inlined(node: Any) -> Any:
        if isinstance(node, list):
            return [inlined(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return inlined(parts[node["$ref"].rpartition("/")[2]])
        return {name: inlined(value) for name, value in node.items()}

    event = inlined(schema)
    return {"oneOf": [event, {"type": "array", "items": event, "minItems": 1, "maxItems": MOST_EVENTS}]}
