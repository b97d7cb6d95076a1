"""What needs somebody is said in sentences, and a service that fails hides nothing of the others."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import pytest

from services.console.accounts.sessions import SignedInPerson
from services.console.calls import ServiceAnswer, ServiceCalls
from services.console.needs import QUESTIONS, ask_all, controls, holds, sources, unknown_texts
from shared.http.problems import HTTPProblem
from shared.vocabulary.roles import SCOPES_OF, Role

SHOP = {"source": "shopify", "is_configured": True, "silent_since": None, "quarantined": 0}
CALM: dict[str, Mapping[str, Any]] = {
    "/v1/sources": {"sources": [SHOP]},
    "/v1/dispatches/unknown": {"count": 0},
    "/v1/conversations": {"conversations": [], "next_cursor": None},
    "/v1/holds": {
        "neighbouring_numbers": {"held_since": None},
        "new_people": {"this_hour": 3, "per_hour": 100},
        "spend": {"today": "1.500000", "per_day": "50.00", "currency": "USD"},
    },
    "/v1/controls": {"controls": [], "next_cursor": None},
    "/v1/flows": {"flows": [], "removed": []},
}


@dataclass
class Services:
    """Answers by path; an exception is raised, None never answers."""

    answers: dict[str, Any] = field(default_factory=lambda: dict(CALM))
    scopes: dict[str, frozenset[str]] = field(default_factory=dict)

    async def get(self, person: SignedInPerson, service: str, path: str, query: str = "") -> ServiceAnswer:
        self.scopes[path] = person.scopes
        found = self.answers.get(path, {})
        if isinstance(found, Exception):
            raise found
        if found is None:
            await asyncio.Event().wait()
        return ServiceAnswer(HTTPStatus.OK, found)

    async def asked(self, role: Role = Role.OWNER) -> list[str]:
        person = SignedInPerson(cast("Any", None), "user:anna", role, SCOPES_OF[role], "token")
        return [need.words for need in await ask_all(cast("ServiceCalls", self), person, seconds=0.05)]


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
    assert set(viewer.scopes) == {"/v1/controls"}


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
