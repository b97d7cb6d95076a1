"""Withdrawals by kind, as people write them; and beside each kind what only sounds like it."""

import json
from pathlib import Path

import pytest

from shared.events.engagement import ReplyClass
from shared.inbound.classifier import Context, classify

CASES = [
    json.loads(line) for line in (Path(__file__).parents[3] / "cases" / "replies.jsonl").read_text("utf-8").splitlines()
]
COUNTER_EXAMPLES = """
My phone died|my battery died yesterday|The one I bought died|this is a minor issue|She is 5 years old
I ordered a kids watch|that is not my order|No updates?|leave it at the door|I am on my way out|never mind
My number is on the order|is this a landline number?|out for delivery?|what a lovely blocked print
delete the second mug please
stopover in Paris|nonstop fun|el pedido esta equivocado|no soy de aqui|para mi hermana|al fin llego
Der Termin um 8 ist ok|uitstekend!|I am 40 years old|Is it good for my 7 year old?|who is the owner?
I'll reply when I am home|focus on the blue one|My dog is a kid at heart
"""
BESIDE_AUTOMATIC = """
I'm driving with Do Not Disturb While Driving turned on. Stop texting me.|Auto reply: in a meeting. STOP
I am telling you do not disturb me
"""


def _cells(table: str) -> list[str]:
    return [cell.strip() for cell in table.strip().replace("\n", "|").split("|")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"]))
def test_a_withdrawal_is_heard_and_what_is_none_is_not(case: dict[str, object]) -> None:
    reading = classify(str(case["text"]), Context.SUBSCRIBED)

    assert ("review" if reading.needs_review else reading.reply_class.value) in case["allowed"]  # type: ignore[operator] # a list in the YAML


@pytest.mark.parametrize("text", _cells(COUNTER_EXAMPLES))
def test_what_only_sounds_like_a_withdrawal_is_none(text: str) -> None:
    assert classify(text, Context.SUBSCRIBED).reply_class is not ReplyClass.OPT_OUT


@pytest.mark.parametrize("text", _cells(BESIDE_AUTOMATIC))
def test_a_withdrawal_beside_an_automatic_reply_is_heard(text: str) -> None:
    assert classify(text, Context.SUBSCRIBED).reply_class is ReplyClass.OPT_OUT


def test_the_second_text_of_a_phone_that_is_driving_is_none_either() -> None:
    text = "I’m not receiving notifications. If this is urgent, reply “urgent” to send a notification through."

    assert not classify(text, Context.SUBSCRIBED).needs_review
    assert classify(text, Context.SUBSCRIBED).reply_class is ReplyClass.OTHER
