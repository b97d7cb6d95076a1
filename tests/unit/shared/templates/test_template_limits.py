"""No template, from any author, makes the process do or hold much: bounds are on work, so they hold on any machine."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.templates import engine, limits
from shared.templates.engine import LONGEST_TEXT_CHARACTERS, TemplateError

CONTEXT: dict[str, Any] = {
    "recipient": {"first_name": "Ana"},
    "trigger": {"text": "x" * 8_000, "items": ["a" * 100] * 60, "number": 10**12, "many": ["q"] * 1_000, "minus": -5},
}
MOST_BYTES = 20_000_000
TOO_MUCH = "the template does too much: too many repetitions, too deep, or too long a text"


@pytest.mark.parametrize(
    "template",
    [
        '{% if (1..300000000) contains "x" %}a{% endif %}',
        '{% unless (1..1000000000000) contains "x" %}a{% endunless %}',
        "{{ (1..20000000) | join }}",
        "{{ (1..trigger.number) | sum }}",
        "{{ (1..trigger.number) | uniq | size }}",
        "{{ (1..99999999999999999999999999999999999999) | first }}",
        "{% assign a = (1..trigger.number) %}{{ a | last }}",
        "{% for i in (1..trigger.number) limit: 1 %}a{% endfor %}",
        "{% for i in (1..trigger.number) offset: 999999999999 %}a{% endfor %}",
        "{% for i in (1..500) %}{% for j in (1..500) %}a{% endfor %}{% endfor %}",
        "{% for i in (1..500) %}a{% endfor %}" * 20,
        "{% for i in (1..500) %}{{ i | plus: 1 | minus: 1 | times: 1 | divided_by: 1 | abs | ceil }}{% endfor %}"
        + " " * 200,
        "{% assign s = 'x' %}{% for i in (1..40) %}{% capture s %}{{ s }}{{ s }}{% endcapture %}{% endfor %}",
        "{% assign s = 'x' %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}",
        "{{ trigger.many | uniq | size }}",
        "{{ trigger.many | sort | join }}",
        "{{ trigger.items | join | slice: 0, 4000 | replace: '', '" + "y" * 99 + "' }}",
        "{{ 2 | times: 99999999999999999999999999 | times: 99999999999999999999999 }}",
    ],
)
def test_a_template_that_would_do_too_much_is_refused(template: str) -> None:
    found = engine.render(template, CONTEXT)
    assert isinstance(found, TemplateError)
    assert found.reason in {TOO_MUCH, "a range has at most 500 numbers"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% for i in (1..3) %}{{ i }}{% endfor %}", "123"),
        ("{{ (1..10) | size }}", "10"),
        ("{{ (5..1) | size }}", "0"),
        ("{% for item in trigger.items limit: 2 %}{{ item | slice: 0, 3 }} {% endfor %}", "aaa aaa "),
        ("{% if trigger.items contains 'b' %}yes{% else %}no{% endif %}", "no"),
        ("{% for i in (1..100) %}{{ i | modulo: 10 }}{% endfor %}", "1234567890" * 10),
    ],
)
def test_what_a_text_needs_is_well_within(template: str, text: str) -> None:
    assert engine.render(template, CONTEXT) == text


FILTERS = sorted(engine._ENVIRONMENT.filters)
VALUES = st.sampled_from(
    (
        *("trigger.text", "trigger.items", "trigger.number", "trigger.many", "trigger.minus", "recipient.first_name"),
        *("'x'", "''", "'%A %999d'", "7", "-3", "99999999999", "(1..9)", "(1..499)", "(trigger.minus..400)"),
        *("(0..trigger.number)", "s", "forloop.index", "nil", "true", "trigger"),
    )
)
EXPRESSIONS = st.builds(
    lambda value, chain: (
        value + "".join(f" | {name}{': ' + ', '.join(given) if given else ''}" for name, given in chain)
    ),
    VALUES,
    st.lists(st.tuples(st.sampled_from(FILTERS), st.lists(VALUES, max_size=2)), max_size=5),
)
BODIES = st.recursive(
    st.one_of(st.just("text"), EXPRESSIONS.map(lambda written: "{{ " + written + " }}")),
    lambda inner: st.one_of(
        st.builds("{{% for i in {} %}}{}{{% endfor %}}".format, VALUES, inner),
        st.builds("{{% if {} contains {} %}}{}{{% endif %}}".format, VALUES, VALUES, inner),
        st.builds("{{% case {} %}}{{% when {} %}}{}{{% endcase %}}".format, VALUES, VALUES, inner),
        st.builds("{{% capture s %}}{}{{% endcapture %}}".format, inner),
        st.builds("{{% assign s = {} %}}{}".format, EXPRESSIONS, inner),
        st.lists(inner, min_size=2, max_size=4).map("".join),
    ),
    max_leaves=25,
)


def renders_within_bounds(template: str) -> None:
    tracemalloc.start()  # here alone: what Hypothesis keeps of its examples is none of the rendering's
    try:
        found = engine.render(template, CONTEXT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES
    assert isinstance(found, TemplateError) or len(found) <= LONGEST_TEXT_CHARACTERS


@given(BODIES)
@settings(max_examples=400)
def test_no_template_grows_beyond_its_bounds(template: str) -> None:
    renders_within_bounds(template)


@pytest.mark.torture
@pytest.mark.parametrize("_section", range(100))
@given(template=BODIES)
@settings(max_examples=1_000)
def test_a_hundred_thousand_templates_stay_within_their_bounds(_section: int, template: str) -> None:
    renders_within_bounds(template)


def test_the_work_of_one_rendering_is_not_charged_to_the_next() -> None:
    for _ in range(50):
        assert engine.render("{% for i in (1..400) %}{{ 7 | plus: 1 }}{% endfor %}", CONTEXT) == "8" * 400


def test_every_filter_is_bounded() -> None:
    for name, apply in engine._ENVIRONMENT.filters.items():
        assert getattr(apply, "__wrapped__", None) is not None, name
    assert limits.MOST_STEPS > 0
