"""YAML is read as it looks, and every value knows its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import strict_yaml
from shared.config.problem import Problem
from shared.config.strict_yaml import Document


def document(text: str) -> Document:
    found = strict_yaml.load(text, "f.yaml")
    assert isinstance(found, Document)
    return found


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("n", "n"),
        ("y", "y"),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0123", "0123"),
        ("+12025550100", "+12025550100"),
        ("1.5", 1.5),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("10:00", "10:00"),
        ("2026-01-01", "2026-01-01"),
        ('"12"', "12"),
        ("'true'", "true"),
        ("1_000", "1_000"),
        ("12345678901234567890", "12345678901234567890"),
        (".inf", ".inf"),
    ],
)
def test_a_word_is_what_it_looks_like(written: str, value: object) -> None:
    assert document(f"key: {written}").value == {"key": value}


def test_keys_are_words_even_when_they_look_like_something_else() -> None:
    assert document("on: a\nno: b\n1: c").value == {"on": "a", "no": "b", "1": "c"}


def test_every_value_knows_its_line() -> None:
    found = document("a: 1\nb:\n  c: |\n    text\n  d: [x, {e: 1}]\n")

    assert found.value == {"a": 1, "b": {"c": "text\n", "d": ["x", {"e": 1}]}}
    assert [found.line_of(path) for path in [(), ("a",), ("b",), ("b", "c"), ("b", "d", 1, "e")]] == [1, 1, 2, 3, 5]


def test_a_path_the_file_does_not_have_is_reported_by_what_is_around_it() -> None:
    found = document("a: 1\nb:\n  c: 2")

    assert found.line_of(("b", "?tag", "c", "missing")) == 3
    assert found.name_of(("b", "?tag", "c", 0)) == "c"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, "'a' occurs twice, first on line 1"),
        ("a: &x 1\nb: *x", 1, "anchors"),
        ("a: 1\nb: *x", 2, "anchors"),
        ("a: !python/object 1", 1, "tags"),
        ("a:\n  <<: {b: 1}", 2, "merge keys"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("? [1]\n: 2", 1, "a key must be one word"),
        ("a: b: c", 1, "not valid YAML"),
        ("a: 'x", 1, "not valid YAML"),
        ("\ta: 1", 1, "not valid YAML"),
        ("a: \x00", 1, "not valid YAML"),
        ("[" * 100, 1, "nested deeper"),
        ("a: " + "x" * 300_000, 1, "larger than"),
    ],
)
def test_a_file_that_could_surprise_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    refused = strict_yaml.load(text, "f.yaml")

    assert isinstance(refused, Problem)
    assert (refused.file, refused.line) == ("f.yaml", line)
    assert message in refused.message
    assert refused.fix


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert document(text).value is None


@given(st.text(alphabet="ab:-[]{}\"'\n #&*!|>,?0", max_size=60))
def test_any_text_is_a_document_or_a_problem(text: str) -> None:
    assert isinstance(strict_yaml.load(text, "f"), Document | Problem)
