"""What needs a person: sentences with a button each, from bounded answers of each service.

Each question asks for a count or a short list; a service that does not answer in time, or refuses, becomes one sentence
and keeps no other from being shown.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

from services.console.accounts.sessions import SignedInPerson
from services.console.calls import ServiceAnswer, ServiceCalls
from services.console.need_meanings import (
    Answer,
    Need,
    controls,
    held_numbers,
    holds,
    notifications,
    parked,
    removed_flows,
    replies_to_review,
    second_yes,
    sources,
    unknown_texts,
    unusable_accounts,
)
from shared.clock import Clock
from shared.errors import Fault
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.vocabulary.service_names import EVENT_SERVICES

SECONDS: Final = 2.0
"""After this long a service counts as not answering; the page waits no longer."""
KEPT_SECONDS: Final = 20.0
"""How long an answer is shown again that several calls or rows make: the page asks every two seconds."""
_MOST: Final = 100
_NAMES: Final = {"ingest": "Ingest", "scheduler": "The scheduler", "compliance": "Compliance", "sender": "The sender"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a service, and what its answer means."""

    service: str
    path: str
    scope: str
    """The one scope it is asked with, so that nothing is opened for it; who lacks it is not shown the answer."""
    subject: str
    """What is not shown if the service does not answer."""
    meaning: Callable[[Answer], Sequence[Need]]
    is_kept: bool = False
    """Asked again after `KEPT_SECONDS` only; for what nobody watches second by second."""


QUESTIONS: Final = (
    *(
        Question(each, f"/v1/parked/{each}?limit=1", "operations:read", "parked events", parked, is_kept=True)
        for each in EVENT_SERVICES
    ),
    Question("ingest", "/v1/sources", "operations:read", "sources", sources),
    Question("sender", "/v1/dispatches/unknown?limit=1", "operations:read", "texts without an answer", unknown_texts),
    Question(
        "sender",
        f"/v1/conversations?state=needs_review&limit={_MOST}",
        "replies:read",
        "replies to review",
        replies_to_review,
    ),
    Question("sender", "/v1/numbers", "operations:read", "held numbers", held_numbers, is_kept=True),
    Question("sender", "/v1/providers", "operations:read", "provider accounts", unusable_accounts, is_kept=True),
    Question("connectors", "/v1/endpoints", "notifications:read", "notifications", notifications, is_kept=True),
    Question("compliance", "/v1/holds", "holds:read", "limits that are met", holds),
    Question("scheduler", "/v1/approvals", "controls:write", "what waits for a second person", second_yes),
    Question("scheduler", f"/v1/controls?limit={_MOST}", "controls:read", "what is paused", controls),
    Question("scheduler", "/v1/flows", "flows:read", "removed flows", removed_flows),
)


@dataclass(slots=True)
class KeptNeeds:
    """What answers asked for that are not asked for at each look, by merchant.

    Each question is asked with one scope and opens nothing, so that whoever has the scope is shown the same.
    """

    clock: Clock
    _kept: dict[tuple[MerchantId, Question], tuple[float, Sequence[Need]]] = field(default_factory=dict)

    def found(self, merchant: MerchantId, question: Question) -> Sequence[Need] | None:
        """Return what a fresh answer asks for; None where the service is to be asked."""
        kept = self._kept.get((merchant, question))
        return kept[1] if kept is not None and self.clock.monotonic() - kept[0] < KEPT_SECONDS else None

    def keep(self, merchant: MerchantId, question: Question, needs: Sequence[Need]) -> None:
        """Keep what an answer asks for."""
        if question.is_kept:
            self._kept[merchant, question] = self.clock.monotonic(), needs

    def forget(self, merchant: MerchantId) -> None:
        """Ask again at the next look: somebody has just changed something."""
        for key in [each for each in self._kept if each[0] == merchant]:
            del self._kept[key]


async def ask_all(
    calls: ServiceCalls,
    person: SignedInPerson,
    kept: KeptNeeds,
    questions: Sequence[Question] = QUESTIONS,
    seconds: float = SECONDS,
) -> list[Need]:
    """Return everything that needs this person, the urgent first; asked at once, and each within `seconds`."""
    asked = [question for question in questions if person.may(question.scope)]
    found = await asyncio.gather(*(_ask(calls, person, kept, question, seconds) for question in asked))
    silent = {question.service: question for question, needs in zip(asked, found, strict=True) if needs is None}
    unanswered = [
        Need(
            "wait",
            f"{_NAMES.get(service, service.capitalize())} does not answer",
            f"What it knows of {question.subject} is not shown.",
        )
        for service, question in silent.items()
    ]
    every = [need for needs in found for need in needs or ()] + unanswered
    return sorted(every, key=lambda need: ("bad", "wait", "plain").index(need.urgency))


async def _ask(
    calls: ServiceCalls, person: SignedInPerson, kept: KeptNeeds, question: Question, seconds: float
) -> Sequence[Need] | None:
    """Return what an answer means; None without a usable one."""
    merchant = person.merchant.id
    if (known := kept.found(merchant, question)) is not None:
        return known
    narrowed = replace(person, scopes=frozenset({question.scope}))
    path, _, query = question.path.partition("?")
    try:
        async with asyncio.timeout(seconds):
            answer: ServiceAnswer = await calls.get(narrowed, question.service, path, query)
        if answer.status is HTTPStatus.FORBIDDEN:
            return ()
        if not answer.is_success:
            return None
        needs = question.meaning(answer.body)
    except (TimeoutError, HTTPProblem, Fault, KeyError, TypeError, ValueError):
        return None
    kept.keep(merchant, question, needs)
    return needs
