"""A case runs the whole application on a clock that jumps: what becomes of its texts is what happens in production."""

from pathlib import Path
from typing import Any

import pytest

from services.flow_tests.trial_shop import trial_shop
from services.flow_tests.trying import try_case
from shared.config.directory import MerchantDirectory
from shared.config.flow_cases import FlowCase
from shared.config.lint import lint
from tests.integration.engines import only_on_sqlite

_MERCHANT = """
merchant: acme
brand: Acme Coffee
locale: en-US
time_zone: America/New_York
contact: help@acme.example
links: {base_url: "https://go.acme.example"}
sources:
  shopify: {secrets: [{env: NOT_SET_ANYWHERE}], shop: acme.myshopify.com}
providers:
  main: {kind: twilio, account_sid: AC00000000000000000000000000000000, auth_token: {env: NOT_SET_ANYWHERE}}
numbers:
  - {number: "+12025550143", provider: main, kind: long_code, parts_per_second: 10}
"""
_FLOW = """
flow: thanks
on: purchase
enter: {once_per: trigger.subject}
cancel_on:
  - {on: refund, when: event.subject == trigger.subject}
steps:
  - wait: 1h
  - text: thanks
    purpose: transactional
    expire_after: 12h
    body: "Thanks {{ recipient.first_name | default: 'so much' }}! {{ trigger.order_status_url | link }}"
  - wait: {days: 3, then_at: "07:00"}
  - text: review
    purpose: marketing
    expire_after: 3d
    body: "How do you like it?"
"""
_PURCHASE = {
    "event": {
        "kind": "purchase",
        "subject": "1042",
        "amount": {"minor": 4990},
        "facts": {"order_status_url": "https://acme.example/1042"},
    }
}


pytestmark = only_on_sqlite("a case runs the embedded application")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "acme" / "flows").mkdir(parents=True)
    (tmp_path / "acme" / "tests").mkdir()
    (tmp_path / "acme" / "merchant.yaml").write_text(_MERCHANT, encoding="utf-8")
    (tmp_path / "acme" / "flows" / "thanks.yaml").write_text(_FLOW, encoding="utf-8")
    return tmp_path / "acme"


def case(happens: list[dict[str, Any]], expect: list[dict[str, Any]]) -> FlowCase:
    return FlowCase.model_validate(
        {
            "case": "one",
            "starts": "2026-12-01 10:00",
            "person": {"first_name": "Ana", "country": "US", "state": "NY"},
            "agreed": ({"scope": "marketing"},),
            "happens": tuple(happens),
            "expect": tuple(expect),
        }
    )


async def test_days_pass_at_once_and_the_law_holds_a_text_until_morning(folder: Path) -> None:
    thanked = {"text": "thanks", "at": "1h", "says": "Thanks Ana! https://go.acme.example/r/"}
    asked = {"text": "review", "at": "2026-12-05 08:00"}  # planned for 07:00, before marketing may be sent
    tried = case([_PURCHASE, {"at": "2h", "click": "thanks"}], [thanked, asked])
    result = await try_case(trial_shop(folder), "thanks", tried)
    assert result.differences == ()


async def test_a_stop_ends_what_was_planned_and_nothing_that_happened(folder: Path) -> None:
    stopped = case(
        [_PURCHASE, {"at": "2h", "reply": "STOP"}],
        [{"text": "thanks"}, {"text": "review", "state": "cancelled", "reason": "opt_out"}],
    )
    result = await try_case(trial_shop(folder), "thanks", stopped)
    assert result.differences == ()


async def test_a_case_that_cannot_happen_says_why(folder: Path) -> None:
    result = await try_case(trial_shop(folder), "thanks", case([_PURCHASE, {"click": "thanks"}], []))
    assert result.differences == ("thanks cannot be clicked: it has not been sent",)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("flow: thank\ncases: []", "'cases' must not be empty"),
        ("flow: thank\n{cases}", "the shop has no flow 'thank'; did you mean 'thanks'?"),
        ("flow: thanks\n{cases}\n      - {text: revew}", "the flow has no text 'revew'; did you mean 'review'?"),
        ("flow: thanks\n{cases}\n      - {text: thanks, at: noon}", "a time is a duration since the start"),
        ("flow: thanks\n{cases}\n      - {text: thanks, state: sent}", "'state' cannot be 'sent'"),
    ],
)
def test_a_file_that_makes_no_sense_is_found_by_lint(folder: Path, wrong: str, said: str) -> None:
    cases = 'cases:\n  - case: one\n    starts: "2026-12-01 10:00"\n    happens: [{reply: hello}]\n    expect:'
    if "{cases}\n" not in wrong:
        cases += " []"
    (folder / "tests" / "thanks.yaml").write_text(wrong.replace("{cases}", cases), encoding="utf-8")
    problems = [str(each) for each in lint(folder) if "tests/thanks.yaml" in each.file]
    assert any(said in each for each in problems), problems
    running = MerchantDirectory.load(folder.parent, {"NOT_SET_ANYWHERE": "x" * 32})
    assert [each for each in running.problems if "tests" in each.file] == [], "no running process reads them"
