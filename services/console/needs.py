"""What needs a person: sentences with a button each, from bounded answers of each service.

Each question asks for a count or a short list; a service that does not answer in time, or refuses, becomes one sentence
and keeps no other from being shown.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Literal

from services.console.accounts.sessions import SignedInPerson
from services.console.calls import ServiceAnswer, ServiceCalls
from services.console.navigation import address_of
from services.console.words import words
from shared.errors import Fault
from shared.http.problems import HTTPProblem

SECONDS: Final = 2.0
"""After this long a service counts as not answering; the page waits no longer."""
_MOST: Final = 100
_NAMES: Final = {"ingest": "Ingest", "scheduler": "The scheduler", "compliance": "Compliance", "sender": "The sender"}
_NAMED: Final = 3
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for somebody."""

    urgency: Literal["bad", "wait", "plain"]
    """The tone of its mark; the page shows the urgent ones first."""
    words: str
    detail: str = ""
    button: str = ""
    address: str = ""
    """Empty: there is no page for it, and `detail` says what to do."""
    since: datetime | None = None


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


def unknown_texts(answer: Answer) -> Sequence[Need]:
    """Return what texts without an answer ask for."""
    count = int(answer["count"])
    if not count:
        return ()
    many = f"{count:,} texts" if count > 1 else "1 text"
    verb = "were" if count > 1 else "was"
    detail = "They are not sent again by themselves. Look at the provider's log, and say what became of them."
    return [
        Need(
            "bad",
            f"Nobody knows whether {many} {verb} sent",
            detail if count > 1 else detail.replace("They are", "It is").replace("of them", "of it"),
            "Look",
            address_of("deliverability"),
        )
    ]


def sources(answer: Answer) -> Sequence[Need]:
    """Return which sources are silent, and what waits in quarantine."""
    at = address_of("sources")
    found = []
    waiting = sum(each["quarantined"] for each in answer["sources"])
    if waiting:
        many = "deliveries" if waiting > 1 else "delivery"
        text = "They are kept, and can be read again once the cause is mended."
        found.append(Need("bad", f"{waiting:,} {many} could not be read", text, "Look", at))
    for each in answer["sources"]:
        if each["is_configured"] and each["silent_since"] and each["source"] != "api":
            since = datetime.fromisoformat(each["silent_since"])
            text = "A shop that sells reports more often; look at the platform's list of failed webhooks."
            found.append(Need("wait", f"{each['source']} has brought nothing", text, "Look", at, since))
    return found


def replies_to_review(answer: Answer) -> Sequence[Need]:
    """Return what replies ask for that may be opt-outs."""
    count = len(answer["conversations"])
    if not count:
        return ()
    more = "+" if answer["next_cursor"] else ""
    return [
        Need(
            "bad",
            f"{count}{more} repl{'y' if count == 1 else 'ies'} may be an opt-out",
            "Marketing to these people waits until somebody decides.",
            "Decide",
            f"{address_of('inbox')}?show=needs_review",
        )
    ]


def holds(answer: Answer) -> Sequence[Need]:
    """Return which limits are met."""
    found = []
    run, people, spend = answer["neighbouring_numbers"], answer["new_people"], answer["spend"]
    at = address_of("deliverability")
    if run["held_since"]:
        since = datetime.fromisoformat(run["held_since"])
        text = "Many of the newest people have neighbouring numbers, as in fraud."
        found.append(Need("bad", "Texts to new people are held", text, "Look", at, since))
    if people["per_hour"] and people["this_hour"] >= people["per_hour"]:
        text = (
            f"{people['this_hour']:,} of {people['per_hour']:,} first texts this hour; the rest wait for the next one."
        )
        found.append(Need("wait", "This hour's limit of new people is reached", text, "Look", at))
    if float(spend["per_day"]) and float(spend["today"]) >= float(spend["per_day"]):
        text = f"{float(spend['today']):,.2f} of {float(spend['per_day']):,.2f} {spend['currency']}."
        found.append(Need("wait", "Today's spending limit is reached, and marketing waits", text, "Look", at))
    return found


def controls(answer: Answer) -> Sequence[Need]:
    """Return what is paused or stopped."""
    found = [each for each in answer["controls"] if not each["lifted_at"]]
    if not found:
        return ()
    paused = sum(each["action"] == "pause" for each in found)
    parts = [f"{number} {name}" for number, name in ((paused, "paused"), (len(found) - paused, "stopped")) if number]
    waiting = sum(each["waiting"] for each in found)
    more = "+" if answer["next_cursor"] else ""
    text = f"{waiting:,} due text{' waits' if waiting == 1 else 's wait'} for it." if waiting else ""
    return [Need("wait", f"Texts are held: {' and '.join(parts)}{more}", text, "See", address_of("controls"))]


def removed_flows(answer: Answer) -> Sequence[Need]:
    """Return which flows are gone from the files while their texts wait for an answer."""
    found = [each for each in answer["removed"] if (each["control"] or {}).get("action") == "pause"]
    return [
        Need(
            "wait",
            f"The flow {words(each['flow'])} is in no file, and {each['planned_texts']:,} of its texts wait",
            "Let them go on, or stop them.",
            "Decide",
            address_of("controls"),
        )
        for each in found[:_NAMED]
    ]


QUESTIONS: Final = (
    Question("ingest", "/v1/sources", "operations:read", "sources", sources),
    Question("sender", "/v1/dispatches/unknown?limit=1", "operations:read", "texts without an answer", unknown_texts),
    Question(
        "sender",
        f"/v1/conversations?state=needs_review&limit={_MOST}",
        "replies:read",
        "replies to review",
        replies_to_review,
    ),
    Question("compliance", "/v1/holds", "holds:read", "limits that are met", holds),
    Question("scheduler", f"/v1/controls?limit={_MOST}", "controls:read", "what is paused", controls),
    Question("scheduler", "/v1/flows", "follow-ups:read", "removed flows", removed_flows),
)


async def ask_all(
    calls: ServiceCalls, person: SignedInPerson, questions: Sequence[Question] = QUESTIONS, seconds: float = SECONDS
) -> list[Need]:
    """Return everything that needs this person, the urgent first; asked at once, and each within `seconds`."""
    asked = [question for question in questions if person.may(question.scope)]
    found = await asyncio.gather(*(_ask(calls, person, question, seconds) for question in asked))
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
    calls: ServiceCalls, person: SignedInPerson, question: Question, seconds: float
) -> Sequence[Need] | None:
    """Return what an answer means; None without a usable one."""
    narrowed = replace(person, scopes=frozenset({question.scope}))
    path, _, query = question.path.partition("?")
    try:
        async with asyncio.timeout(seconds):
            answer: ServiceAnswer = await calls.get(narrowed, question.service, path, query)
        if answer.status is HTTPStatus.FORBIDDEN:
            return ()
        return question.meaning(answer.body) if answer.is_success else None
    except (TimeoutError, HTTPProblem, Fault, KeyError, TypeError, ValueError):
        return None
