"""Templates become texts, or say what is missing."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.templates import engine
from shared.templates.engine import TemplateError, Variable

CONTEXT: dict[str, Any] = {
    "recipient": {"first_name": "Ana", "last_name": None},
    "trigger": {
        "order_status_url": "https://acme.example/o/1001",
        "items": ["Beans", "Mug"],
        "occurred_at": datetime(2026, 11, 1, tzinfo=UTC),
    },
}


def render(template: str) -> str | TemplateError:
    return engine.render(template, CONTEXT, link=lambda address: f"https://go/{len(address)}")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Thanks {{ recipient.first_name | default: 'so much' }}!", "Thanks Ana!"),
        ("Thanks {{ recipient.nickname | default: 'so much' }}!", "Thanks so much!"),
        ("Thanks {{ recipient.last_name | default: 'so much' }}!", "Thanks so much!"),
        ("{% if recipient.last_name != blank %}a{% else %}b{% endif %}", "b"),
        ("{{ trigger.order_status_url | link }}", "https://go/27"),
        ("{{ trigger.items | join: ', ' }} & <more>", "Beans, Mug & <more>"),
        ("{% if recipient.nickname %}a{% else %}b{% endif %}", "b"),
        ("{% if recipient.nickname == 'x' %}a{% else %}b{% endif %}", "b"),
        ("{% for item in trigger.items %}{{ item }}{% unless forloop.last %}+{% endunless %}{% endfor %}", "Beans+Mug"),
        ("{{ trigger.occurred_at | date: '%b %d' }}", "Nov 01"),
        ("no blanks", "no blanks"),
    ],
)
def test_blanks_are_filled(template: str, text: str) -> None:
    assert render(template) == text


def test_without_a_link_maker_the_address_stands() -> None:
    assert engine.render("{{ trigger.order_status_url | link }}", CONTEXT) == "https://acme.example/o/1001"


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ("Hi {{ recipient.nickname }}", "recipient.nickname"),
        ("Hi {{ nobody }}", "nobody"),
        ("{{ recipient.nickname | upcase }}", "recipient.nickname"),
        ("Hi {{ recipient.last_name }}.", "recipient.last_name"),
        ("{{ trigger.review_url | link }}", "trigger.review_url"),
    ],
)
def test_a_name_without_a_value_is_named(template: str, field: str) -> None:
    refused = render(template)

    assert isinstance(refused, TemplateError)
    assert refused.field == field
    assert "has no value" in refused.reason


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("Hi {{ recipient.first_name", "expected '}}'"),
        ("Hi {{ recipient.first_name | shout }}", "unknown filter 'shout'"),
        ("{% include 'other' %}", "unexpected tag 'include'"),
        ("{% render 'other' %}", "unexpected tag 'render'"),
        ("{{ 'now' | date: '%s' }}", "what time it is"),
        ("{{ 'Today' | date: '%s' }}", "what time it is"),
        ("{{ recipient.first_name | link }}", "https://"),
        ("{% for i in (1..100000) %}x{% endfor %}", "a range has at most 500 numbers"),
        (
            "{% for i in (1..400) %}{{ 'a long piece of text that is repeated until it is far too long' }}{% endfor %}",
            "too",
        ),
        (
            "{% assign a = 'a' %}"
            + "{% assign a = a | replace: 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}" * 9
            + "{{ a }}",
            "does too much",
        ),
        ("{{ 99999999999999999999 | times: 99999999999999999999 | times: 99999999999999999999 }}", "does too much"),
        ("{{ 1 | divided_by: 0 }}", "cannot use"),
        ("x" * 6000, "at most 5000"),
    ],
)
def test_a_template_that_cannot_be_a_text_says_why(template: str, reason: str) -> None:
    refused = render(template)

    assert isinstance(refused, TemplateError)
    assert reason in refused.reason


def test_an_error_never_quotes_a_fact() -> None:
    refused = render("{{ trigger[recipient.first_name] }} {{ recipient.first_name | link }}")

    assert isinstance(refused, TemplateError)
    assert "Ana" not in f"{refused.reason} {refused.field}"


def test_a_wrong_template_says_where() -> None:
    refused = render("Hi\n  {{ recipient.nickname }}")

    assert isinstance(refused, TemplateError)
    assert (refused.line, refused.column) == (2, 6)


def test_variables_are_listed_with_their_places_and_without_those_the_template_makes() -> None:
    template = (
        "Hi\n{{ recipient.first_nam | default: trigger['order name'] }}{% assign z = 1 %}{{ z }}"
        "{% for i in trigger.items %}{{ i.x }}{% endfor %}"
    )

    found = engine.variables(template)

    assert not isinstance(found, TemplateError)
    assert [variable.name for variable in found] == ["recipient.first_nam", "trigger.order name", "trigger.items"]
    assert found[0] == Variable("recipient", "first_nam", 2, 4)


def test_a_broken_template_has_no_variables_but_an_error() -> None:
    assert isinstance(engine.variables("{{ x"), TemplateError)
    assert isinstance(engine.variables("{{ x"), TemplateError)
    assert engine.variables("{{ x }}") == (Variable("x", None, 1, 4),)


def test_only_a_template_that_asks_for_a_short_link_makes_one() -> None:
    assert engine.makes_links("{{ trigger.url | link }}")
    assert not engine.makes_links("a link: {{ trigger.url }}")


@given(st.text(max_size=60))
def test_any_template_is_a_text_or_an_error(template: str) -> None:
    assert isinstance(render(template), str | TemplateError)


@given(st.text(max_size=200).filter(lambda text: not {"{{", "{%", "\r"} & {*text, *map("".join, pairwise(text))}))
def test_a_template_without_blanks_is_its_own_text(template: str) -> None:
    assert render(template) == template
