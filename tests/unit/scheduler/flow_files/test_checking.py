"""What is wrong with a flow that somebody is writing, by line."""

from pathlib import Path
from typing import Any

import pytest

from services.scheduler.flow_files.checking import answer_to, question_of
from shared.config.directory import Merchant
from shared.testing import make_scheduler

NOW = "2026-11-30T10:00:00+00:00"
STEP = "steps: [{text: one, purpose: marketing, expire_after: 1d, body: Hello}]\n"


ENDLESS = STEP.replace("Hello", '"{% if (1..300000000) contains 1 %}x{% endif %}"')


@pytest.fixture
def merchant(tmp_path: Path) -> Merchant:
    found = make_scheduler.merchants(tmp_path).get("acme")
    assert found is not None
    return found


def checked(merchant: Merchant, text: str, name: str = "f") -> dict[str, Any]:
    return answer_to(question_of(name, text, merchant, NOW))


def test_a_good_flow_has_a_version_and_texts(merchant: Merchant) -> None:
    found = checked(merchant, make_scheduler.THANK_YOU, "order-thank-you")
    assert (found["is_valid"], found["problems"]) == (True, [])
    assert found["version"] == merchant.flows["order-thank-you"].version()
    assert [text["text"] for text in found["texts"]] == ["thanks", "review"]
    assert "Maria" in found["texts"][0]["previews"][0]["text"]


def test_mistakes_have_their_line_and_how_to_mend_them(merchant: Merchant) -> None:
    found = checked(merchant, f"flow: f\non: purchse\n{STEP}")
    assert not found["is_valid"]
    (problem,) = found["problems"]
    assert (problem["line"], problem["fix"]) == (2, "did you mean 'purchase'?")


def test_a_flow_is_named_like_its_file(merchant: Merchant) -> None:
    found = checked(merchant, f"flow: another\non: purchase\n{STEP}")
    assert [(each["line"], each["severity"], each["fix"]) for each in found["problems"]] == [
        (1, "error", "write 'flow: f'")
    ]
    assert not found["is_valid"]


def test_a_warning_keeps_it_valid(merchant: Merchant) -> None:
    found = checked(merchant, f"flow: f\non: purchase\n{STEP.replace('expire_after: 1d, ', '')}")
    assert [each["severity"] for each in found["problems"]] == ["warning"]
    assert found["is_valid"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "a: &a [x]\nb: [*a, *a]\n",
        "a: &a {<<: *a}\n",
        "!!python/object/apply:os.system ['true']",
        "[" * 20_000,
        "{a: " * 5_000,
        "\x00",
        "flow: f\n---\nflow: g\n",
        f"flow: f\non: purchase\nwhen: '{'(' * 3_900}'\n{STEP}",
        f"flow: f\non: purchase\nwhen: '{'[' * 1_900}{']' * 1_900}'\n{STEP}",
        f"flow: f\non: purchase\n{ENDLESS}",
    ],
)
def test_bombs_are_refused_and_cost_nothing(merchant: Merchant, text: str) -> None:
    found = checked(merchant, text)
    assert not found["is_valid"]
    assert found["problems"][0]["message"]


def test_nothing_secret_is_passed_on(merchant: Merchant) -> None:
    question = question_of("f", "x", merchant, NOW)
    assert set(question) == {"name", "text", "shop", "links", "now"}
    assert set(question["shop"]) == {"merchant", "brand", "locale", "country", "time_zone", "contact"}
