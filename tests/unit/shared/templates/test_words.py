"""What stands in a text: whole sentences, the recipient's hour, and amounts as people write them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.scheduler.runs.facts import Trigger
from shared.ids import MerchantId, RecipientId
from shared.templates import engine
from shared.templates.engine import TemplateError


def trigger(**fields: Any) -> dict[str, Any]:
    given = {"occurred_at": datetime(2026, 11, 30, 2, 5, tzinfo=UTC)} | fields
    return Trigger(UUID(int=1), MerchantId("harbor"), RecipientId(UUID(int=2)), "custom.hello", "api", **given).names()


def render(template: str, *, locale: str = "en", **roots: Any) -> str | TemplateError:
    known = {"trigger": trigger(), "recipient": {"first_name": None}, "history": {"last_order_at": None}}
    return engine.render(template, known | roots, locale=locale)


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ("Hi {{ recipient.first_name }}, welcome", "recipient.first_name"),
        ("your total is {{ trigger.amount_minor | divided_by: 100.0 }}", "trigger.amount_minor"),
        ("in {{ trigger.currency }}", "trigger.currency"),
        ("last {{ history.last_order_at }}", "history.last_order_at"),
        ("on {{ trigger.arrives_at | date: '%b %d' }}", "trigger.arrives_at"),
        ("{{ 'a' | append: trigger.nothing }}", "trigger.nothing"),
        ("{% assign name = recipient.first_name %}Hi {{ name }}", None),
        ("the first is {{ trigger.items | first }}", None),
    ],
)
def test_half_a_sentence_is_refused(template: str, field: str | None) -> None:
    refused = render(template, trigger=trigger(facts={"items": []}))

    assert isinstance(refused, TemplateError)
    assert "has no value" in refused.reason
    assert field is None or refused.field == field


@pytest.mark.parametrize("facts", [{}, {"name": None}, {"name": ""}, {"name": " \n"}])
def test_missing_nil_empty_and_blank_are_one_thing(facts: dict[str, Any]) -> None:
    template = (
        "{% if trigger.name %}1{% endif %}{% if trigger.name != blank %}2{% endif %}"
        "{% if trigger.name != empty %}3{% endif %}{% if trigger.name != nil %}4{% endif %}"
        "{% if trigger.name != '' %}5{% endif %}{% if blank != trigger.name %}6{% endif %}"
        "{% unless trigger.name == blank %}7{% endunless %}{{ trigger.name | default: 'nobody' }}"
        "{% case trigger.name %}{% when blank %}, blank{% else %}, known{% endcase %}"
    )

    assert render(template, trigger=trigger(facts=facts)) == "nobody, blank"


def test_the_usual_question_for_a_name_takes_the_right_branch() -> None:
    template = "{% if recipient.first_name != blank %}Hi {{ recipient.first_name }}{% endif %}, ok"

    assert render(template) == ", ok"
    assert render(template, recipient={"first_name": "Ana"}) == "Hi Ana, ok"


@pytest.mark.parametrize(
    "template",
    [
        "{{ trigger.items | join: ', ' }}",
        "{{ trigger.items }}",
        "{{ trigger.items | first }}",
        "{{ trigger.items | first | append: 'x' }}",
        "{% for pair in trigger.address %}{{ pair }}{% endfor %}",
        "{{ trigger.address | upcase }}",
    ],
)
def test_an_object_is_never_written_as_python_spells_it(template: str) -> None:
    facts = {"items": [{"title": "A"}], "address": {"city": "Porto"}}

    refused = render(template, trigger=trigger(facts=facts))

    assert isinstance(refused, TemplateError)
    assert refused.reason == "an object is no text"


def test_a_shops_fact_of_a_known_name_is_read_where_the_event_says_nothing() -> None:
    facts = {"amount_minor": 4900, "currency": "USD", "kind": "gold"}
    template = "Total {{ trigger.amount_minor | divided_by: 100 }} {{ trigger.currency }} {{ trigger.kind }}"

    assert render(template, trigger=trigger(facts=facts)) == "Total 49 USD custom.hello"
    said = trigger(facts=facts, amount_minor=100, currency="EUR")
    assert render(template, trigger=said) == "Total 1 EUR custom.hello"


@pytest.mark.parametrize(
    ("roots", "text"),
    [
        ({"zone": "America/Los_Angeles"}, "Nov 29 18:05"),
        ({"recipient": {"time_zone": "America/Los_Angeles"}}, "Nov 29 18:05"),
        ({"zone": "Asia/Kolkata"}, "Nov 30 07:35"),
        ({"zone": "no/where"}, "Nov 30 02:05"),
        ({}, "Nov 30 02:05"),
    ],
)
def test_dates_are_written_on_the_recipients_clock(roots: dict[str, Any], text: str) -> None:
    assert render("{{ trigger.occurred_at | date: '%b %d %H:%M' }}", **roots) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-12-24", "Dec 24"),
        ("2026-11-30T02:05:00Z", "Nov 29"),
        ("2026-11-30T02:05:00+02:00", "Nov 29"),
        ("Mon, 30 Nov 2026 02:05:00 +0000", "Nov 29"),
        (1796004300, "Nov 29"),
        ("1796004300", "Nov 29"),
    ],
)
def test_dates_are_read_as_they_are_meant(value: object, text: str) -> None:
    facts = {"at": value}

    assert render("{{ trigger.at | date: '%b %d' }}", trigger=trigger(facts=facts), zone="America/New_York") == text


@pytest.mark.parametrize("value", ["'10:00'", "'now'", "'today'", "' NOW '", "'soon'", "true", "'5 pm'", "'Monday'"])
def test_a_date_that_would_need_the_clock_is_refused(value: str) -> None:
    assert isinstance(render(f"{{{{ {value} | date: '%Y-%m-%d' }}}}"), TemplateError)


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text"),
    [
        (4900, "USD", "en-US", "$49.00"),
        (-4900, "USD", "en", "-$49.00"),
        (123456789, "USD", "en", "$1,234,567.89"),
        (4900, "JPY", "en", "¥4,900"),
        (4900, "KWD", "en", "KWD 4.900"),
        (4900, "EUR", "de-DE", "49,00 €"),
        (490000, "EUR", "de", "4.900,00 €"),
        (490000, "EUR", "fr", "4 900,00 €"),
        (490000, "MXN", "es-MX", "MX$4,900.00"),
        (7, "CHF", "de-CH", "0,07 CHF"),
    ],
)
def test_money_has_the_currencys_own_digits(minor: int, currency: str, locale: str, text: str) -> None:
    said = trigger(amount_minor=minor, currency=currency)

    assert render("{{ trigger.amount_minor | money }}", trigger=said, locale=locale) == text
    assert render(f"{{{{ {minor} | money: '{currency}' }}}}", locale=locale) == text


@pytest.mark.parametrize(
    "blank", ["4900 | money", "'4.9' | money: 'USD'", "4900 | money: 'dollars'", "true | money: 'USD'"]
)
def test_money_without_amount_or_currency_is_refused(blank: str) -> None:
    refused = render(f"{{{{ {blank} }}}}")

    assert isinstance(refused, TemplateError)
    assert "money needs" in refused.reason
