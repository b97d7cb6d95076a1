"""Flow files say what they mean, and the same meaning has one version."""

from datetime import time, timedelta

import pytest

from shared.config import strict_yaml
from shared.config.explain import read_as
from shared.config.flow import Every, Flow, OncePer, TextStep, WaitStep
from shared.config.problem import Problem
from shared.config.strict_yaml import Document
from shared.config.wait import LocalWait, Weekday
from shared.events.follow_up import Purpose, ResendPolicy

FLOW = """\
flow: win-back
on: purchase
enter: {every: 30d}
steps:
  - wait: {days: 3, then_at: "10:00", on: [mon]}
  - text: hello
    purpose: marketing
    body: {en-US: "Hi", es: "Hola", pt-BR: "Oi"}
"""


def read(text: str) -> Flow | list[Problem]:
    document = strict_yaml.load(text, "f.yaml")
    assert isinstance(document, Document)
    return read_as(Flow, document)


def flow(text: str = FLOW) -> Flow:
    found = read(text)
    assert isinstance(found, Flow), found
    return found


def test_a_flow_reads_as_it_is_written() -> None:
    wait, text = flow().steps

    assert wait == WaitStep(wait=LocalWait(days=3, then_at=time(10), on=(Weekday.MON,)))
    assert isinstance(text, TextStep)
    assert (text.text, text.purpose, text.if_past, text.expire_after) == ("hello", Purpose.MARKETING, "send", None)
    assert flow().enter == Every(every=timedelta(days=30))
    assert flow(FLOW.replace("{every: 30d}", "{once_per: trigger.subject}")).enter == OncePer(
        once_per="trigger.subject"
    )
    assert flow(FLOW.replace("enter: {every: 30d}\n", "")).enter == "once"


def test_the_version_is_of_the_meaning_and_not_of_the_layout() -> None:
    other = "# a comment\n" + FLOW.replace("enter: {every: 30d}", "enter:\n  every: 720h")
    changed = FLOW.replace('"Hi"', '"Hey"')

    assert flow(other).version() == flow().version()
    assert (
        flow(FLOW.replace("purpose: marketing", "purpose: marketing\n    if_past: send")).version() == flow().version()
    )
    assert flow(changed).version() != flow().version()
    assert len(flow().version()) == 64


def test_a_stored_version_reads_back_as_the_same_flow() -> None:
    assert Flow.from_canonical(flow().canonical()) == flow()


@pytest.mark.parametrize(
    ("locale", "chosen"),
    [
        ("es-MX", "es"),
        ("es", "es"),
        ("en-GB", "en-US"),
        ("EN_us", "en-US"),
        ("pt", "pt-BR"),
        ("fr", "en-US"),
        (None, "en-US"),
        ("", "en-US"),
    ],
)
def test_the_body_is_in_the_recipients_language_if_there_is_one(locale: str | None, chosen: str) -> None:
    assert flow().texts()[0].body_for(locale, "en")[0] == chosen


def test_without_any_known_language_the_first_body_is_taken() -> None:
    assert flow().texts()[0].body_for("fr", "de")[0] == "en-US"


def test_a_single_body_is_in_the_merchants_locale() -> None:
    text = flow(FLOW.replace('{en-US: "Hi", es: "Hola", pt-BR: "Oi"}', "Hi")).texts()[0]

    assert text.body_for("es", "de-DE") == ("de-DE", "Hi")


def test_marketing_goes_at_most_once_and_other_texts_again_after_proven_absence() -> None:
    transactional = flow(FLOW.replace("marketing", "transactional")).texts()[0]
    asked_for = flow(FLOW.replace("purpose: marketing", "purpose: marketing\n    resend: resend_when_absent")).texts()[
        0
    ]

    assert flow().texts()[0].resend_policy() is ResendPolicy.AT_MOST_ONCE
    assert transactional.resend_policy() is ResendPolicy.RESEND_WHEN_ABSENT
    assert asked_for.resend_policy() is ResendPolicy.RESEND_WHEN_ABSENT


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("purpose: marketing", "purpos: marketing", 7, "unknown field 'purpos'; did you mean 'purpose'?"),
        ("purpose: marketing", "purpose: marketin", 7, "'purpose' cannot be 'marketin'; did you mean 'marketing'?"),
        ("    purpose: marketing\n", "", 6, "field 'purpose' is missing; add 'purpose: …'"),
        ("on: purchase", "on: purchse", 2, "unknown trigger kind 'purchse'; did you mean 'purchase'?"),
        ("every: 30d", "evry: 30d", 3, "unknown field 'evry'"),
        ("every: 30d", "every: 30 days", 3, "'every': a duration is a whole number and s, m, h, d or w"),
        ("{every: 30d}", "twice", 3, "'enter' cannot be 'twice'"),
        ("- wait:", "- wiat:", 5, "a step needs one of these keys: wait, text; 'wiat': did you mean 'wait'?"),
        ("days: 3", "dayz: 3", 5, "unknown field 'dayz'; did you mean 'days'?"),
        ('days: 3, then_at: "10:00", on: [mon]', "", 5, "a wait needs days, hours, minutes, then_at or on"),
        ("[mon]", "[mo]", 5, "'on' cannot be 'mo'; did you mean 'mon'?"),
        ('"10:00"', '"25:00"', 5, "a time of day is hours and minutes in quotes"),
        ("days: 3", 'days: "3"', 5, "'days' must be a whole number; write digits, without quotes"),
        ("es:", "espanol_:", 8, "'espanol_' has the wrong form; write a language tag such as en or en-US"),
        ("flow: win-back", "flow: Win back", 1, "'flow' has the wrong form; write lower case letters"),
        ("flow: win-back", "flow: answer", 1, "'answer' is the name of a built-in flow"),
        ('{en-US: "Hi", es: "Hola", pt-BR: "Oi"}', "{}", 8, "a text needs a body in at least one locale"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_fix(old: str, new: str, line: int, sentence: str) -> None:
    assert old in FLOW

    problems = read(FLOW.replace(old, new, 1))

    assert isinstance(problems, list)
    assert [problem.line for problem in problems] == [line]
    assert sentence in str(problems[0])


def test_every_mistake_is_reported_at_once() -> None:
    problems = read(FLOW.replace("purpose", "purpos").replace("days: 3", "dayz: 3").replace("on: purchase", "on: x"))

    assert isinstance(problems, list)
    assert [problem.line for problem in problems] == [2, 5, 7]


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ("[]", "'steps' must not be empty"),
        ("[{wait: 1h}]", "a flow plans at least one text"),
        ("[{text: a, purpose: marketing, body: x}, {text: a, purpose: marketing, body: y}]", "two texts are named 'a'"),
    ],
)
def test_steps_that_make_no_flow_are_refused(steps: str, sentence: str) -> None:
    problems = read(f"flow: x\non: custom.birthday\nsteps: {steps}")

    assert isinstance(problems, list)
    assert sentence in str(problems[0])
