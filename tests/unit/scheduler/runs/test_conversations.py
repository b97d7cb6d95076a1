"""Which reply a shop may answer, as the scheduler keeps it."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.runs.conversations import REPLY_LIFE, answered_reply
from services.scheduler.runs.recipients import StoredRecipient, after_reply
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.events.follow_up import Purpose
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId, RecipientId
from shared.rule_files.loader import load_rules
from shared.rules.table import RuleTable
from shared.testing import make
from shared.testing.clock import START

ANA = StoredRecipient(RecipientId(uuid4()), MerchantId("acme"))
NOW = START + timedelta(days=2)
written = st.tuples(st.integers(0, 60), st.sampled_from(ReplyClass))


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def after(person: StoredRecipient, minutes: int, kind: ReplyClass) -> StoredRecipient:
    reply = make.event(ReplyReceived, occurred_at=at(minutes), reply_class=kind)
    return after_reply(person, reply, NOW) or person


@given(st.lists(written, unique_by=lambda each: each[0]))
def test_the_newest_reply_after_the_last_opt_out_counts_however_often_each_is_read(
    texts: list[tuple[int, ReplyClass]],
) -> None:
    person = ANA
    for text in sorted(texts):
        person = after(after(person, *text), *text)
    last_stop = max((minutes for minutes, kind in texts if kind is ReplyClass.OPT_OUT), default=-1)
    newest = max((minutes for minutes, kind in texts if kind is not ReplyClass.OPT_OUT), default=-1)
    assert person.replied_at == (at(newest) if newest > last_stop else None)
    assert (person.replied_to is None) == (person.replied_at is None)


@given(st.lists(written))
def test_in_whatever_order_replies_are_read_none_counts_that_nobody_wrote(texts: list[tuple[int, ReplyClass]]) -> None:
    person = ANA
    for text in texts:
        person = after(person, *text)
    assert person.replied_at in {None, *(at(minutes) for minutes, kind in texts if kind is not ReplyClass.OPT_OUT)}


@pytest.mark.parametrize("tick", [timedelta(), timedelta(microseconds=1)])
def test_a_reply_may_be_answered_as_long_as_the_gate_lets_it(tick: timedelta) -> None:
    rules = load_rules()
    assert isinstance(rules, RuleTable)
    assert rules.purposes[Purpose.CONVERSATION].max_age == REPLY_LIFE
    person, end = after(ANA, 0, ReplyClass.OTHER), START + REPLY_LIFE
    if tick:
        assert answered_reply(person, end - tick) == START
    else:
        with pytest.raises(HTTPProblem, match="last wrote"):
            answered_reply(person, end)
