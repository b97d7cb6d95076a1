"""What needs somebody is said in sentences, and a service that fails hides nothing of the others."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.console.accounts.sessions import SignedInPerson
from services.console.calls import ServiceAnswer, ServiceCalls
from services.console.need_meanings import (
    controls,
    held_numbers,
    holds,
    notifications,
    second_yes,
    sources,
    unknown_texts,
    unusable_accounts,
)
from services.console.needs import QUESTIONS, KeptNeeds, ask_all
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.testing.clock import FakeClock
from shared.vocabulary.roles import SCOPES_OF, Role
from shared.vocabulary.service_names import EVENT_SERVICES

SHOP = {"source": "shopify", "is_configured": True, "silent_since": None, "quarantined": 0}
CALM: dict[str, Mapping[str, Any]] = {
    "/v1/sources": {"sources": [SHOP]},
    "/v1/dispatches/unknown": {"count": 0},
    "/v1/conversations": {"conversations": [], "next_cursor": None},
    "/v1/numbers": {"numbers": []},
    "/v1/providers": {"providers": []},
    "/v1/endpoints": {"endpoints": [], "given_up": 0},
    "/v1/holds": {
        "neighbouring_numbers": {"held_since": None},
        "new_people": {"this_hour": 3, "per_hour": 100},
        "spend": {"today": "1.500000", "per_day": "50.00", "currency": "USD"},
    },
    "/v1/approvals": {"approvals": []},
    "/v1/controls": {"controls": [], "next_cursor": None},
    "/v1/flows": {"flows": [], "removed": []},
    **{f"/v1/parked/{each}": {"service": each, "count": 0} for each in EVENT_SERVICES},
}


@dataclass
class Services:
    """Answers by path; an exception is raised, None never answers."""

    answers: dict[str, Any] = field(default_factory=lambda: dict(CALM))
    scopes: dict[str, frozenset[str]] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)
    kept: KeptNeeds = field(init=False)

    def __post_init__(self) -> None:
        self.kept = KeptNeeds(self.clock)

    async def get(self, person: SignedInPerson, service: str, path: str, query: str = "") -> ServiceAnswer:
        self.scopes[path] = person.scopes
        found = self.answers.get(path, {})
        if isinstance(found, Exception):
            raise found
        if found is None:
            await asyncio.Event().wait()
        return ServiceAnswer(HTTPStatus.OK, found)

    async def asked(self, role: Role = Role.OWNER) -> list[str]:
        person = SignedInPerson(cast("Any", SimpleNamespace(id="acme")), "user:anna", role, SCOPES_OF[role], "token")
        calls = cast("ServiceCalls", self)
        return [need.words for need in await ask_all(calls, person, self.kept, seconds=0.05)]


async def test_a_calm_shop_needs_nobody() -> None:
    assert await Services().asked() == []


async def test_each_thing_is_a_sentence_and_the_urgent_come_first() -> None:
    services = Services()
    removed = {"flow": "win_back", "planned_texts": 1200, "control": {"action": "pause"}}
    services.answers["/v1/flows"] = {"flows": [], "removed": [removed]}
    services.answers["/v1/dispatches/unknown"] = {"count": 3}
    assert await services.asked() == [
        "Nobody knows whether 3 texts were sent",
        "The flow win back is in no file, and 1,200 of its texts wait",
    ]


@pytest.mark.parametrize(
    "failure", [None, HTTPProblem(HTTPStatus.BAD_GATEWAY, "no_answer", "gone"), {"unexpected": True}]
)
async def test_a_service_that_fails_is_said_to_and_keeps_no_other_from_being_shown(failure: Any) -> None:
    services = Services()
    services.answers["/v1/holds"] = failure
    services.answers["/v1/dispatches/unknown"] = {"count": 1}
    assert await services.asked() == ["Nobody knows whether 1 text was sent", "Compliance does not answer"]


async def test_nothing_is_opened_for_a_sentence_and_a_role_asks_only_what_it_may() -> None:
    services = Services()
    await services.asked()
    assert {path: set(scopes) for path, scopes in services.scopes.items()} == {
        question.path.partition("?")[0]: {question.scope} for question in QUESTIONS
    }
    viewer = Services()
    await viewer.asked(Role.VIEWER)
    assert set(viewer.scopes) == {"/v1/controls", "/v1/flows"}


def test_a_silent_source_is_named_unless_it_was_taken_out_of_the_file() -> None:
    silent = {**SHOP, "silent_since": "2026-11-30T12:00:00Z"}
    waiting = {**SHOP, "source": "woocommerce", "quarantined": 12}
    gone = {**silent, "source": "klaviyo", "is_configured": False}
    assert [need.words for need in sources({"sources": [silent, waiting, gone]})] == [
        "12 deliveries could not be read",
        "shopify has brought nothing",
    ]


def test_limits_and_controls_say_how_much_waits() -> None:
    met = {**CALM["/v1/holds"], "neighbouring_numbers": {"held_since": "2026-11-30T12:00:00Z"}}
    met["spend"] = {"today": "51.000000", "per_day": "50.00", "currency": "USD"}
    assert [need.words for need in holds(met)] == [
        "Texts to new people are held",
        "Today's spending limit is reached, and marketing waits",
    ]
    paused = {"action": "pause", "lifted_at": None, "waiting": 41}
    [need] = controls({"controls": [paused, {**paused, "action": "stop", "waiting": 0}], "next_cursor": None})
    assert (need.words, need.detail) == ("Texts are held: 1 paused and 1 stopped", "41 due texts wait for it.")
    assert unknown_texts({"count": 0}) == ()


NUMBER = {
    "number": "+12025550100",
    "provider": "main",
    "kind": "long_code",
    "registration": "registered",
    "parts_per_second": 1.0,
    "queued": 0,
    "state": "closed",
    "reason": None,
    "tries_again_at": None,
    "errors_24h": {},
}


def test_a_number_that_may_not_call_is_named_with_its_reason_and_no_more_than_three_are() -> None:
    held = {**NUMBER, "state": "halted", "reason": "30034", "queued": 7}
    paused = {**NUMBER, "state": "open", "reason": "http_503", "queued": 1000}
    found = held_numbers({"numbers": [NUMBER, held, paused]})
    assert [(need.urgency, need.words, need.detail) for need in found] == [
        ("bad", "The number +1202•••0100 is held", "7 texts wait for it; the provider's code 30034."),
        ("wait", "The number +1202•••0100 is paused", "1,000+ texts wait for it; HTTP 503."),
    ]
    assert [need.words for need in held_numbers({"numbers": [held] * 5})][3:] == ["2 more numbers are held"]
    unusable = {"provider": "main", "is_usable": False}
    assert [need.words for need in unusable_accounts({"providers": [unusable, {**unusable, "is_usable": True}]})] == [
        "The provider account main cannot be used"
    ]


async def test_what_is_kept_is_asked_again_after_twenty_seconds_or_once_somebody_acted() -> None:
    services = Services()
    assert await services.asked() == []
    services.answers["/v1/numbers"] = {"numbers": [{**NUMBER, "state": "halted"}]}
    services.answers["/v1/dispatches/unknown"] = {"count": 1}
    assert await services.asked() == ["Nobody knows whether 1 text was sent"]
    services.clock.advance(seconds=20)
    assert "The number +1202•••0100 is held" in await services.asked()
    services.answers["/v1/numbers"] = {"numbers": []}
    services.kept.forget(MerchantId("acme"))
    assert await services.asked() == ["Nobody knows whether 1 text was sent"]


async def test_a_failure_is_not_kept() -> None:
    services = Services()
    services.answers["/v1/numbers"] = HTTPProblem(HTTPStatus.BAD_GATEWAY, "no_answer", "gone")
    assert await services.asked() == ["The sender does not answer"]
    services.answers["/v1/numbers"] = {"numbers": []}
    assert await services.asked() == []


def test_an_endpoint_that_takes_nothing_is_named_and_what_was_given_up_is_counted() -> None:
    works = {
        "name": "desk",
        "channel": "mail",
        "events": ["reply.received"],
        "waiting": 0,
        "failures": 0,
        "failing_since": None,
        "not_before": None,
        "last_delivered_at": None,
    }
    failing = {**works, "name": "erp", "waiting": 12, "failures": 7, "failing_since": "2026-11-30T12:00:00Z"}
    found = notifications({"endpoints": [works, failing], "given_up": 1000})
    assert [(need.words, need.detail, need.address) for need in found] == [
        ("erp takes no notifications", "12 wait for it.", "/console/notifications"),
        (
            "1,000+ notifications could not be delivered",
            "They can be sent again once the endpoint takes them.",
            "/console/notifications?state=dead",
        ),
    ]
    assert notifications({"endpoints": [works], "given_up": 0}) == []


def test_what_waits_for_this_persons_yes_is_said_with_its_texts_and_what_waits_for_others_is_not() -> None:
    asked = {
        "approval_id": "018c0000-0000-7000-8000-0000000000d1",
        "subject": {"flow": "win_back", "step": None, "number": None, "provider": None},
        "texts": 800,
        "texts_now": 8120,
        "asked_by": "user:anna",
        "asked_at": "2026-12-01T12:00:00Z",
        "reason": "the code works",
        "expires_at": "2026-12-04T12:00:00Z",
        "is_own": False,
        "may_say_yes": True,
    }
    own = {**asked, "is_own": True, "may_say_yes": False}
    found = [need.words for need in second_yes({"approvals": [own, *[asked] * 5]})]
    assert found == ["anna asks to let 8,120 texts of the flow win back go"] * 3 + ["2 more questions wait for a yes"]
