"""What the Python client sends, sends again, and raises; the service is made up."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest

from followup_client import (
    ConflictError,
    Followup,
    InvalidError,
    NoAnswerError,
    ProblemError,
    Retries,
    TooManyRequestsError,
    UnreadableAnswerError,
    pages,
)
from followup_client.models import EventBody, FollowUpRequest, PlannedAnswer, RecipientBody, SeenBody

Service = Callable[[httpx2.Request], httpx2.Response]
TEXT = FollowUpRequest(to="+12125550123", purpose="transactional", text="Ready.", due_in="2h")
ID = UUID("0190a0a0-0000-7000-8000-000000000001")
PLANNED = {
    "follow_up_id": str(ID),
    "follow_ups": [str(ID)],
    "enrollment_id": str(ID),
    "state": "pending",
    "due_at": "2026-01-05T12:00:00Z",
    "due_local": "07:00",
}


class Made:
    """A client of a made-up service, what the service was sent, and how long the client waited, in seconds."""

    def __init__(self, service: Service, retries: Retries | None = None) -> None:
        self.requests: list[httpx2.Request] = []
        self.waits: list[float] = []

        def serve(request: httpx2.Request) -> httpx2.Response:
            self.requests.append(request)
            return service(request)

        transport = httpx2.MockTransport(serve)
        self.client = Followup(
            "http://shop.example/", "fu_key", transport=transport, retries=retries, sleep=self.waits.append, chance=zero
        )


def zero() -> float:
    return 0.0


def in_turn(*answers: httpx2.Response | Exception) -> Service:
    left: Iterator[httpx2.Response | Exception] = iter(answers)

    def serve(_request: httpx2.Request) -> httpx2.Response:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return serve


def ok(document: Any = PLANNED) -> httpx2.Response:
    return httpx2.Response(202, json=document)


def refused(status: int, code: str = "busy", **headers: str) -> httpx2.Response:
    body = {"type": "t", "title": "No", "status": status, "code": code, "detail": "Do this."}
    return httpx2.Response(status, json=body, headers=headers)


def test_only_what_was_set_is_sent_and_the_answer_has_its_types() -> None:
    made = Made(in_turn(ok({**PLANNED, "state": "a_new_state", "new_field": 1})))
    planned = made.client.enqueue_follow_up(TEXT, idempotency_key="booking-77")
    assert isinstance(planned, PlannedAnswer)
    assert (planned.follow_up_id, planned.state) == (ID, "a_new_state")
    (request,) = made.requests
    assert (request.method, str(request.url)) == ("POST", "http://shop.example/v1/follow-ups")
    assert request.headers["authorization"] == "Bearer fu_key"
    assert request.headers["idempotency-key"] == "booking-77"
    assert request.read() == TEXT.model_dump_json(exclude_unset=True).encode()


def test_after_a_lost_answer_the_same_key_is_sent_again() -> None:
    made = Made(in_turn(httpx2.ReadTimeout("late"), refused(503), ok()))
    made.client.enqueue_follow_up(TEXT)
    keys = [request.headers["idempotency-key"] for request in made.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert made.waits == [0.5, 1.0]


def test_two_calls_have_keys_of_their_own() -> None:
    made = Made(in_turn(ok(), ok()))
    made.client.enqueue_follow_up(TEXT)
    made.client.enqueue_follow_up(TEXT)
    assert made.requests[0].headers["idempotency-key"] != made.requests[1].headers["idempotency-key"]


def test_what_could_happen_twice_is_not_sent_again_after_a_lost_answer() -> None:
    made = Made(in_turn(httpx2.ReadTimeout("late")))
    with pytest.raises(NoAnswerError) as raised:
        made.client.close_conversation(ID, SeenBody())
    assert raised.value.may_have_happened
    assert len(made.requests) == 1


def test_what_never_left_this_machine_is_sent_again() -> None:
    made = Made(in_turn(*[httpx2.ConnectError("refused")] * 4))
    with pytest.raises(NoAnswerError) as raised:
        made.client.release_holds()
    assert not raised.value.may_have_happened
    assert len(made.requests) == 4


def test_a_service_that_asks_for_patience_gets_it_and_for_too_much_is_not_waited_for() -> None:
    made = Made(in_turn(refused(429, **{"Retry-After": "7"}), refused(429, **{"Retry-After": "3600"})))
    with pytest.raises(TooManyRequestsError) as raised:
        made.client.release_holds()
    assert made.waits == [7.0]
    assert raised.value.retry_after_seconds == 3600


def test_a_refusal_that_stays_one_is_raised_at_once_with_the_fields_of_its_problem_document() -> None:
    wrong = {"errors": [{"field": "to", "reason": "is no number"}]}
    answer = httpx2.Response(422, json={"code": "invalid_request", "detail": "Look.", "title": "No", **wrong})
    made = Made(in_turn(answer, refused(409, "ended")))
    with pytest.raises(InvalidError) as invalid:
        made.client.enqueue_follow_up(TEXT)
    assert (invalid.value.code, invalid.value.detail) == ("invalid_request", "Look.")
    assert [(each.field, each.reason) for each in invalid.value.errors] == [("to", "is no number")]
    with pytest.raises(ConflictError, match="409 ended: Do this"):
        made.client.cancel_follow_up(ID)


@pytest.mark.parametrize("page", [b"<html>Bad Gateway</html>", b"[1]", b'{"errors": 1}'])
def test_a_page_of_a_proxy_is_an_error_that_says_so(page: bytes) -> None:
    made = Made(lambda _request: httpx2.Response(502, content=page), Retries(attempts=1))
    with pytest.raises(ProblemError, match="502 no_problem_document"):
        made.client.list_flows()


def test_an_answer_of_another_shape_is_not_taken_for_success() -> None:
    made = Made(in_turn(ok({"unknown": True})))
    with pytest.raises(UnreadableAnswerError):
        made.client.list_flows()


@pytest.mark.parametrize("id_", ["", ".", ".."])
def test_an_id_cannot_lead_to_another_operation(id_: str) -> None:
    made = Made(in_turn())
    with pytest.raises(ValueError, match="an id cannot be"):
        made.client.get_flow(id_)


def test_an_id_is_one_segment_whatever_stands_in_it() -> None:
    made = Made(in_turn(refused(404)))
    with pytest.raises(ProblemError):
        made.client.get_flow("../a b?c#d")
    assert made.requests[0].url.raw_path == b"/v1/flows/..%2Fa%20b%3Fc%23d"


def test_every_page_of_a_list_is_asked_for() -> None:
    page: dict[str, Any] = {"messages": [], "searched_back_to": None}
    made = Made(in_turn(ok({**page, "next_cursor": str(ID)}), ok({**page, "next_cursor": None})))
    assert len(list(pages(made.client.list_messages, state="blocked"))) == 2
    assert [request.url.query for request in made.requests] == [b"state=blocked", f"state=blocked&cursor={ID}".encode()]


def test_a_query_has_its_dates_and_its_lists() -> None:
    made = Made(in_turn(ok({"messages": [], "searched_back_to": None, "next_cursor": None})))
    made.client.list_messages(id=[ID, ID], from_=datetime(2026, 1, 5, tzinfo=UTC))
    sent = made.requests[0].url.params
    assert (sent.get_list("id"), sent["from"]) == ([str(ID)] * 2, "2026-01-05T00:00:00+00:00")


def test_several_events_are_sent_as_a_list() -> None:
    event = EventBody(id="evt-1", kind="purchase", recipient=RecipientBody(phone="+12125550123"))
    answer = {"accepted": 1, "duplicates": 0, "no_recipient": 0, "refused": 0, "events": []}
    made = Made(in_turn(ok(answer)))
    made.client.report_events([event])
    assert made.requests[0].read().startswith(b'[{"id":"evt-1"')


def test_the_key_is_not_shown() -> None:
    assert "fu_key" not in repr(Made(in_turn()).client)
