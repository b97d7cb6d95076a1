"""The demo's history is the same each time, bounded, and of people who do not exist."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from services.demo.history.people import TAKEN, Agreement, customers
from services.demo.history.reactions import ANSWERS, WORDS, ReplyKind, reactions
from services.demo.history.script import DAYS, ZONE, Happening, Script, write_script
from services.demo.history.shop import faults
from shared import phone
from shared.events.engagement import ReplyClass
from shared.inbound.classifier import Context, classify

END = datetime(2026, 12, 2, 19, 30, tzinfo=UTC)
_FICTION = re.compile(r"\+1\d{3}55501\d\d|\+447700900\d{3}|\+49171392000?\d\d")


def script(texts: int, seed: int = 30, days: int = DAYS) -> Script:
    return write_script(END - timedelta(days=days), END, texts=texts, seed=seed)


def test_the_same_seed_writes_the_same_script_and_another_one_does_not() -> None:
    assert script(1200) == script(1200)
    assert script(1200) != script(1200, seed=31)


@pytest.mark.parametrize("texts", [150, 1200, 2400])
def test_everything_that_a_shop_knows_happens_in_order_and_within_the_thirty_days(texts: int) -> None:
    acts = script(texts).acts
    assert set(Happening) == {act.what for act in acts}
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    assert END - timedelta(days=DAYS) <= acts[0].at <= acts[-1].at < END
    letters = Counter(act.letter for act in acts if act.letter is not None)
    assert set(letters) == set(ReplyKind)


def test_what_happens_is_worked_on_within_minutes() -> None:
    written = script(1200)
    assert max(written.stop_at(act.at) - act.at for act in written.acts) <= timedelta(seconds=150)


def test_nobody_buys_at_night_and_weekends_are_busier() -> None:
    orders = [act.at.astimezone(ZONE) for act in script(2400).acts if act.what is Happening.ORDER]
    assert all(8 <= at.hour <= 22 for at in orders)
    by_weekday = Counter(at.weekday() for at in orders)
    assert by_weekday[5] > by_weekday[1]


def test_people_have_numbers_of_fiction_that_nobody_else_has() -> None:
    people = customers(520, 30)
    assert len({person.phone for person in people}) == len(people)
    assert all(
        _FICTION.fullmatch(person.phone) and phone.parse(person.phone, None) == person.phone for person in people
    )
    assert TAKEN.isdisjoint(person.phone for person in people)
    assert {person.country for person in people} == {"US", "CA", "GB", "DE"}
    assert {person.standing for person in people} == set(Agreement)
    assert len({person.locale[:2] for person in people}) == len(ANSWERS) == len(WORDS)


def test_what_somebody_does_about_a_text_depends_on_nothing_else() -> None:
    person = customers(60, 30)[4]
    assert reactions(person, 2, has_link=True, seed=1) == reactions(person, 2, has_link=True, seed=1)
    drawn = {each.what for n in range(400) for each in reactions(person, n, has_link=True, seed=1)}
    assert len(drawn) == 4
    assert {"click", "robot_click"}.isdisjoint(
        each.what for n in range(400) for each in reactions(person, n, has_link=False, seed=1)
    )


def test_something_of_each_kind_goes_wrong_at_the_provider() -> None:
    kinds = Counter(rule.kind.value for rule in faults(script(300).people))
    assert set(kinds) == {"undelivered", "refuse", "throttle", "accepted_then_500", "receipts_lost"}


_READ_AS = {
    ReplyKind.PRAISE: (ReplyClass.OTHER, False),
    ReplyKind.QUESTION: (ReplyClass.OTHER, False),
    ReplyKind.STOP: (ReplyClass.OPT_OUT, False),
    ReplyKind.HELP: (ReplyClass.HELP, False),
    ReplyKind.UNCLEAR: (ReplyClass.OTHER, True),
}


@pytest.mark.parametrize(
    ("kind", "words"), [(kind, word) for said in WORDS.values() for kind, words in said.items() for word in words]
)
def test_what_people_write_is_read_as_the_story_means_it(kind: ReplyKind, words: str) -> None:
    read = classify(words, Context.NONE)
    assert (read.reply_class, read.needs_review) == _READ_AS[kind]
