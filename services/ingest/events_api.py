"""The HTTP door of the merchant's own systems: `POST /v1/events`, one event or a list.

Each event of a list is answered by itself: one that is refused never costs its neighbours, and says what is wrong with
it. Where nothing of a request can be taken, the request is refused as a single event is.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from services.ingest import store
from services.ingest.api import count, count_what_is_odd
from services.ingest.credentials import shop_of
from services.ingest.delivery_preparation import Preparer, ReceivedDelivery
from services.ingest.domain.announcements import Origin
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, must_pass
from services.ingest.event_results import (
    LONGEST_ID_CHARACTERS,
    REFUSED,
    AcceptedEvent,
    RefusedEvent,
    Result,
    answer_of,
    results,
)
from services.ingest.fields import Misshapen
from services.ingest.instruments import DELIVERIES
from services.ingest.sources.generic import EventBody, findings_in, read_event
from shared import ids
from shared.clock import Clock
from shared.db.system_tables import SystemTables
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.failpoints import failpoint
from shared.http.auth import Caller, requires
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import FieldProblem, HTTPProblem
from shared.http.quota import Quotas, QuotaUsage, reworded
from shared.http.strict_json import parsed
from shared.worker_thread import in_worker_thread

SOURCE = "api"
MOST_EVENTS = 500
MOST_PROBLEMS = 100
"""More would help nobody, and an answer should not outgrow its request."""
PATH = "/v1/events"
UNREAD_SECONDS = 0.5
"""A request that is refused unread is answered so late: who posts without a pause is paused."""


def events(
    units: UnitOfWorkRunner,
    system_tables: SystemTables,
    preparer: Preparer,
    clock: Clock,
    require_room: Callable[[], None],
    quotas: Quotas,
) -> APIRouter:
    """Return the route of the merchant's own systems; `require_room` raises while nothing can be taken."""
    router = APIRouter(tags=["ingest"])

    @router.post(
        PATH,
        summary="Tell of events",
        status_code=HTTPStatus.ACCEPTED,
        responses={429: {"description": "Over a quota; opt-outs and privacy requests were taken all the same"}},
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}},
    )
    async def tell(
        request: Request,
        caller: Annotated[Caller, Depends(requires("events:write"))],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        body = await _read(request, caller, quotas)
        require_room()

        def read() -> tuple[Any, Keyed | None, list[AcceptedEvent | RefusedEvent]]:
            document = parsed(body)
            keyed = Keyed.of(caller.merchant.id, idempotency_key, PATH, document, preparer.keyed_hash)
            return document, keyed, _told(document, caller, clock.now())

        document, keyed, told = await in_worker_thread(read, len(body))
        is_list = isinstance(document, list)
        taken = [each for each in told if isinstance(each, AcceptedEvent)]
        refusal = quotas.refusal(caller, QuotaUsage(PATH, len(told), len(body)))
        if refusal is not None:
            raise await _take_withdrawals(units, preparer, [each.delivery for each in taken], refusal)
        _refuse_where_nothing_is_right(told, is_list=is_list)
        arrivals = await in_worker_thread(lambda: [preparer.prepared(each.delivery) for each in taken], len(body))

        async def work(uow: UnitOfWork) -> tuple[int, Any, Sequence[Result]]:
            if (before := await answered(uow.db, system_tables, keyed)) is not None:
                return *before, ()
            statuses = await store.record(uow, arrivals)
            # Looked at afterwards: another request may have been first by a moment.
            others = await store.conflicts(uow.db, arrivals) if DeliveryOutcome.DUPLICATE in statuses else []
            found = results(told, statuses, others)
            _refuse_where_all_conflict(found, is_list=is_list)
            answer = answer_of(found)
            await remember(uow, system_tables, keyed, HTTPStatus.ACCEPTED, answer)
            failpoint("ingest.before_commit")
            return HTTPStatus.ACCEPTED, answer, found

        status, answer, found = await units.run(work, WritePriority.INGEST)
        failpoint("ingest.after_commit")
        _count(told, found)
        return JSONResponse(answer, status_code=status)

    return router


async def _read(request: Request, caller: Caller, quotas: Quotas) -> bytes:
    """Return the body.

    Raises:
        HTTPProblem: 429, late, for a large one over the quota; one that comes in chunks says its size only by coming.
    """
    announced = int(request.headers.get("Content-Length", 0))  # digits, as `BodyLimit` saw to
    unread, body = quotas.unread_refusal(caller, PATH, announced), b""
    if unread is None:
        body = await request.body()
        unread = None if announced else quotas.unread_refusal(caller, PATH, len(body))
    if unread is not None:
        await asyncio.sleep(UNREAD_SECONDS)
        raise unread
    return body


async def _take_withdrawals(
    units: UnitOfWorkRunner, preparer: Preparer, deliveries: Sequence[ReceivedDelivery], refusal: HTTPProblem
) -> HTTPProblem:
    """Take what somebody withdraws in a request that is over its quota; return the refusal of the rest.

    The whole request comes again, and then these are repeats.
    """
    passing = [delivery for delivery in deliveries if must_pass(delivery.outcome)]
    if not passing:
        return refusal
    arrivals = [preparer.prepared(delivery) for delivery in passing]

    async def work(uow: UnitOfWork) -> Sequence[DeliveryOutcome]:
        return await store.record(uow, arrivals)

    for delivery, outcome in zip(passing, await units.run(work, WritePriority.INGEST), strict=True):
        count(delivery, outcome)
    return reworded(
        refusal, f"{len(passing)} of its events withdraw something and were taken; send the whole list again"
    )


def _told(document: Any, caller: Caller, now: datetime) -> list[AcceptedEvent | RefusedEvent]:
    """Return what each event of the request says, or what is wrong with it.

    Raises:
        HTTPProblem: 422, there are too many, or none.
    """
    documents = document if isinstance(document, list) else [document]
    if not 0 < len(documents) <= MOST_EVENTS:
        raise _invalid([FieldProblem(field="events", reason=f"must be 1 to {MOST_EVENTS} events")])
    told: list[AcceptedEvent | RefusedEvent] = []
    for one in documents:
        try:
            told.append(_taken(one, caller, now))
        except Misshapen as first:
            found = findings_in(one) or [first]
            told.append(
                RefusedEvent(_id_of(one), [FieldProblem(field=each.field, reason=each.reason) for each in found])
            )
    return told


def _taken(document: Any, caller: Caller, now: datetime) -> AcceptedEvent:
    merchant = caller.merchant
    event, reading = read_event(document, shop_of(merchant), now)
    delivery = ReceivedDelivery(
        origin=Origin(merchant.id, SOURCE, ids.minted(now), now, caller.asked_by),
        topic=event.kind,
        repeat_keys=(event.id,),
        body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS),
        headers={},
        outcome=reading,
    )
    return AcceptedEvent(event.id, delivery)


def _id_of(document: Any) -> str | None:
    """Return the id by which the caller finds a refused event again, where it has one."""
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) and len(found) <= LONGEST_ID_CHARACTERS else None


def _refuse_where_nothing_is_right(told: Sequence[AcceptedEvent | RefusedEvent], *, is_list: bool) -> None:
    """Refuse the request when none of its events can be taken.

    Raises:
        HTTPProblem: 422 with every field that is wrong.
    """
    refused = [(place, each) for place, each in enumerate(told) if isinstance(each, RefusedEvent)]
    if len(refused) == len(told):
        DELIVERIES.labels(SOURCE, REFUSED).inc(len(refused))
        raise _invalid(
            [
                FieldProblem(field=_place(problem.field, place, is_list), reason=problem.reason)
                for place, each in refused
                for problem in each.problems
            ]
        )


def _refuse_where_all_conflict(found: Sequence[Result], *, is_list: bool) -> None:
    """Refuse the request when every event of it bears an id that was used for another, or is wrong otherwise.

    Raises:
        HTTPProblem: 409.
    """
    if all(each.problems for each in found):
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "event_conflict",
            "an id was used before for another event; use a new id, or send the event as it was",
            [
                FieldProblem(field=_place(problem.field, place, is_list), reason=problem.reason)
                for place, each in enumerate(found)
                for problem in each.problems
            ][:MOST_PROBLEMS],
        )


def _count(told: Sequence[AcceptedEvent | RefusedEvent], found: Sequence[Result]) -> None:
    """Count what became of the events, each kind once a request: finding a counter by its labels takes its time.

    Where a request is answered as it was before, nothing was found, and nothing is counted.
    """
    kinds = Counter(REFUSED if result.problems else result.status for result in found)
    for outcome, number in kinds.items():
        DELIVERIES.labels(SOURCE, outcome).inc(number)
    for each, result in zip(told, found, strict=False):
        if isinstance(each, AcceptedEvent) and not result.problems:
            count_what_is_odd(each.delivery, DeliveryOutcome(result.status))


def _place(field: str, place: int, is_list: bool) -> str:  # noqa: FBT001 - private, and named at its source
    return f"events.{place}.{field}" if is_list else field


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
