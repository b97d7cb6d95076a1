"""The HTTP door of the merchant's own systems: `POST /v1/events`, one event or a list; all of a list or nothing."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from services.ingest import store
from services.ingest.api import count
from services.ingest.arrivals import Arrival, Delivery, Preparer
from services.ingest.credentials import shop_of
from services.ingest.domain.announcements import Origin
from services.ingest.domain.readings import Status
from services.ingest.fields import Misshapen
from services.ingest.sources.generic import EventBody, findings_in, read_event
from shared import ids
from shared.clock import Clock
from shared.config.directory import Merchant
from shared.db.ground import Ground
from shared.db.transaction import Lane
from shared.db.unit_of_work import UnitOfWork, Units
from shared.failpoints import failpoint
from shared.http.auth import Caller, requires
from shared.http.idempotency import Keyed, answered, remember
from shared.http.problems import FieldProblem, HTTPProblem
from shared.http.quota import EventQuota
from shared.http.strict_json import parsed

SOURCE = "api"
MOST_EVENTS = 500
MOST_PROBLEMS = 100
"""More would help nobody, and an answer should not outgrow its request."""
PATH = "/v1/events"


def events(
    units: Units,
    ground: Ground,
    preparer: Preparer,
    clock: Clock,
    require_room: Callable[[], None],
    quota: EventQuota,
) -> APIRouter:
    """Return the route of the merchant's own systems; `require_room` raises while nothing can be taken."""
    router = APIRouter(tags=["ingest"])

    @router.post(
        PATH,
        summary="Tell of events",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}},
    )
    async def tell(
        request: Request,
        caller: Annotated[Caller, Depends(requires("events:write"))],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        document = parsed(await request.body())
        require_room()
        keyed = Keyed.of(caller.merchant.id, idempotency_key, PATH, document)
        deliveries = _deliveries(document, caller.merchant, clock.now())
        quota.take(caller.merchant.id, len(deliveries), PATH)
        arrivals = [preparer.prepared(delivery) for delivery, _ in deliveries]
        names = [event.id for _, event in deliveries]

        async def work(uow: UnitOfWork) -> tuple[int, Any, Sequence[Status]]:
            if (before := await answered(uow.db, ground, keyed)) is not None:
                return *before, ()
            statuses = await store.record(uow, arrivals)
            if Status.DUPLICATE in statuses:  # looked at afterwards: another request may have been first by a moment
                await _refuse_conflicts(uow, arrivals, is_list=isinstance(document, list))
            answer = _answer(names, statuses)
            await remember(uow, ground, keyed, HTTPStatus.ACCEPTED, answer)
            failpoint("ingest.before_commit")
            return HTTPStatus.ACCEPTED, answer, statuses

        status, answer, outcomes = await units.run(work, Lane.INGEST)
        failpoint("ingest.after_commit")
        for (delivery, _), outcome in zip(deliveries, outcomes, strict=False):
            count(delivery, outcome)
        return JSONResponse(answer, status_code=status)

    return router


def _deliveries(document: Any, merchant: Merchant, now: datetime) -> list[tuple[Delivery, EventBody]]:
    """Return a delivery for each event of the request.

    Raises:
        HTTPProblem: 422 with every field that is wrong; nothing of the request is taken.
    """
    is_list = isinstance(document, list)
    documents = document if is_list else [document]
    if not 0 < len(documents) <= MOST_EVENTS:
        raise _invalid([FieldProblem(field="events", reason=f"must be 1 to {MOST_EVENTS} events")])
    taken, problems = [], []
    for place, one in enumerate(documents):
        try:
            taken.append(_delivery(one, merchant, now))
        except Misshapen as first:
            found = findings_in(one) or [first]
            problems += [FieldProblem(field=_place(each.field, place, is_list), reason=each.reason) for each in found]
    if problems:
        raise _invalid(problems)
    return taken


def _delivery(document: Any, merchant: Merchant, now: datetime) -> tuple[Delivery, EventBody]:
    event, reading = read_event(document, shop_of(merchant), now)
    return Delivery(
        origin=Origin(merchant.id, SOURCE, ids.minted(now), now),
        topic=event.kind,
        repeat_keys=(event.id,),
        body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS),
        headers={},
        outcome=reading,
    ), event


async def _refuse_conflicts(uow: UnitOfWork, arrivals: Sequence[Arrival], *, is_list: bool) -> None:
    """Refuse the request when one of its ids was used for another event.

    Raises:
        HTTPProblem: 409.
    """
    found = await store.conflicts(uow.db, arrivals)
    if found:
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "event_conflict",
            "an id was used before for another event; use a new id, or send the event as it was",
            [
                FieldProblem(field=_place("id", place, is_list), reason="was used for another event")
                for place in found[:MOST_PROBLEMS]
            ],
        )


def _answer(names: Sequence[str], statuses: Sequence[Status]) -> dict[str, Any]:
    # What another delivery had told already (its key forgotten, its event not) is a repeat to the caller.
    shown = [Status.DUPLICATE if status is Status.IGNORED else status for status in statuses]
    duplicates = shown.count(Status.DUPLICATE)
    return {
        "accepted": len(shown) - duplicates,
        "duplicates": duplicates,
        "no_recipient": shown.count(Status.NO_RECIPIENT),
        "events": [{"id": name, "status": status.value} for name, status in zip(names, shown, strict=True)],
    }


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
