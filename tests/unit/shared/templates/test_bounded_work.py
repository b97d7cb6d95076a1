"""No template, whatever a stranger writes, costs more than a bounded number of steps and a bounded memory."""

import random
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.templates import engine, limits
from shared.templates.engine import TemplateError
from tests.seeds import SEED

CONTEXT: dict[str, Any] = {
    "trigger": {
        "text": "a" * 5000,
        "million": 1_000_000_000_000,
        "huge": "9" * 8000,
        "lines": [{"title": f"line {at}", "n": at} for at in range(200)],
        "words": ["word"] * 400,
        "long_words": ["w" * 1000] * 400,
        "occurred_at": datetime(2026, 11, 1, tzinfo=UTC),
    },
    "recipient": {"first_name": "Ana"},
}

HOSTILE = [
    '{% if (1..300000000) contains "x" %}a{% endif %}',
    '{% if (1..1000000000000) contains "x" %}a{% endif %}',
    '{% assign n = trigger.million %}{% if (1..n) contains "x" %}a{% endif %}',
    "{{ (1..20000000) | join }}",
    "{{ (1..trigger.million) | join }}",
    "{{ (1..trigger.million) | sum }}",
    "{{ (1..trigger.million) | uniq | size }}",
    "{{ (1..trigger.million) | size }}",
    "{{ (1..trigger.million) | reverse | first }}",
    "{{ (1..trigger.million) | slice: 5, 100000000 }}",
    "{% for i in (1..trigger.million) limit: 1 offset: 99999999999 %}{{ i }}{% endfor %}",
    "{% for i in (1..trigger.million) reversed %}{{ i }}{% endfor %}",
    "{% case (1..trigger.million) %}{% when 'x' %}a{% else %}b{% endcase %}",
    "{{ trigger.text | replace: 'a', trigger.text }}",
    "{{ trigger.text | replace: '', trigger.text }}",
    "{{ trigger.long_words | join: trigger.text }}",
    "{{ trigger.text | split: '' | uniq | size }}",
    "{% assign a = 'aaaa' %}" + "{% assign a = a | append: a %}" * 40 + "{{ a }}",
    "{% assign a = 'a b' | split: ' ' %}" + "{% assign a = a | concat: a %}" * 40 + "{{ a | size }}",
    "{% for i in (1..400) %}{% for j in (1..400) %}x{% endfor %}{% endfor %}",
    "{% for i in (1..20) %}{% for j in (1..20) %}" + "{{ trigger.text | upcase }}" * 20 + "{% endfor %}{% endfor %}",
    "{% for i in (1..400) %}" + "{% if trigger.words contains 'zz' %}x{% endif %}" * 50 + "{% endfor %}",
    "{{ 9" + "9" * 4000 + " | times: 9" + "9" * 400 + " }}",
    "{{ trigger.huge | plus: 1 }}",
    "{{ 1 | round: 100000000000000000000 }}",
    "{{ '1e999999999' | times: 10 }}",
    "{{ trigger.occurred_at | date: '%999999999d' }}",
    "{{ 'x' | truncate: 99999999999999999999, trigger.text }}",
    "{{ trigger.text | strip_html }}",
    "{{ '" + "<" * 4000 + "' | strip_html | size }}",
    "{{ " + "a[" * 1500 + "0" + "]" * 1500 + " }}",
    "{% if " + " and ".join(["1 == 1"] * 400) + " %}a{% endif %}",
    "{% if " + " contains ".join(["'a'"] * 400) + " %}a{% endif %}",
    "{{ 'a' " + "| append: 'b' " * 300 + "}}",
    "{% if true %}" * 300,
    "{{" * 2400,
    "{%" * 2400,
    "{{ '" + "'" * 4900,
    "{{ a" + " | " * 1500 + "}}",
    "{% liquid\n" + "echo 'a'\n" * 500 + "%}",
    "{{ (1.." * 500 + "1" + ")" * 500 + " }}",
]


@pytest.mark.parametrize("template", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_templates_end_within_their_steps_and_twenty_megabytes(template: str) -> None:
    _ends(template)


def test_a_range_longer_than_a_text_needs_is_refused_when_it_is_read() -> None:
    refused = engine.variables('{% if (1..300000000) contains "x" %}a{% endif %}')

    assert isinstance(refused, TemplateError)
    assert refused.reason == "a range has at most 500 numbers"


def test_a_range_that_becomes_too_long_is_refused_when_it_is_used() -> None:
    refused = engine.render('{% if (1..trigger.million) contains "x" %}a{% endif %}', CONTEXT)

    assert isinstance(refused, TemplateError)
    assert "does too much" in refused.reason


def test_what_a_shop_writes_needs_a_small_part_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = 0
    pay = limits.spend

    def count(steps: int) -> None:
        nonlocal spent
        spent += steps
        pay(steps)

    monkeypatch.setattr(limits, "spend", count)
    text = engine.render(
        "Hi {{ recipient.first_name | default: 'there' }}! {% for line in trigger.lines limit: 5 %}{{ line.title }}"
        "{% unless forloop.last %}, {% endunless %}{% endfor %}",
        CONTEXT,
    )

    assert text == "Hi Ana! line 0, line 1, line 2, line 3, line 4"
    assert 0 < spent < limits.MOST_STEPS // 100


@pytest.mark.parametrize("seed", range(8))
def test_random_templates_end_within_their_steps(seed: int) -> None:
    _random_templates(seed, 250)


@pytest.mark.torture
@pytest.mark.parametrize("section", range(100))
def test_a_hundred_thousand_random_templates_end_within_their_steps(section: int) -> None:
    _random_templates(1000 * (SEED + 1) + section, 1000)


def _random_templates(seed: int, count: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible, and no secret
    for _ in range(count):
        _ends(_block(chance, 0)[:5000])


def _ends(template: str) -> None:
    """Render a template, and see that neither its memory nor its steps passed their bounds."""
    tracemalloc.start()
    try:
        answer = engine.render(template, CONTEXT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(answer, str | TemplateError)
    assert peak < 20_000_000, template[:300]


_FILTERS = sorted(engine._ENVIRONMENT.filters)
_VALUES = [
    *("trigger.text", "trigger.million", "trigger.huge", "trigger.lines", "trigger.words", "trigger.long_words"),
    *("trigger.nothing", "trigger.occurred_at", "recipient.first_name", "a", "b", "i", "forloop", "'x'", "''", "1"),
    *("0", "-1", "99999999999999999999", "1.5", "blank", "empty", "nil", "true", "false", "(1..400)"),
    *("(1..trigger.million)", "(a..b)", "trigger.lines[i]", "trigger[a]", "trigger.words.first", "'%Y'", "'title'"),
]


def _expression(chance: random.Random) -> str:
    made = chance.choice(_VALUES)
    for _ in range(chance.randrange(5)):
        arguments = ", ".join(chance.choice(_VALUES) for _ in range(chance.randrange(3)))
        made += f" | {chance.choice(_FILTERS)}" + (f": {arguments}" if arguments else "")
    return made


def _condition(chance: random.Random) -> str:
    operators = ("==", "!=", "<", ">", "<=", ">=", "contains", "and", "or")
    made = chance.choice(_VALUES)
    for _ in range(chance.randrange(4)):
        made += f" {chance.choice(operators)} {chance.choice(_VALUES)}"
    return made


def _block(chance: random.Random, depth: int) -> str:
    return "".join(_statement(chance, depth) for _ in range(chance.randrange(1, 6)))


def _statement(chance: random.Random, depth: int) -> str:
    inner = "x" if depth > 3 else _block(chance, depth + 1)
    match chance.randrange(8):
        case 0:
            return f"{{% if {_condition(chance)} %}}{inner}{{% else %}}{inner}{{% endif %}}"
        case 1:
            rest = chance.choice(("", " reversed", " limit: a", " offset: trigger.million", " limit: 5 offset: 3"))
            return f"{{% for i in {chance.choice(_VALUES)}{rest} %}}{inner}{{% endfor %}}"
        case 2:
            return f"{{% assign {chance.choice('ab')} = {_expression(chance)} %}}"
        case 3:
            return f"{{% capture {chance.choice('ab')} %}}{inner}{{% endcapture %}}"
        case 4:
            return f"{{% case {chance.choice(_VALUES)} %}}{{% when {chance.choice(_VALUES)} %}}{inner}{{% endcase %}}"
        case _:
            return f"{{{{ {_expression(chance)} }}}}"
