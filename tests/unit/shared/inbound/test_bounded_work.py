"""What it costs to read a reply: linear in its length, whatever a stranger writes, and never more than a little."""

import random
import time
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Literal

import pytest

from shared.events.engagement import ReplyClass
from shared.inbound.classifier import Classification, Context, classify, classify_for
from shared.inbound.normal import LONGEST_TEXT_CHARACTERS, fold, sentences, undisguised
from shared.inbound.words import words
from tests.seeds import SEED

REPEATED = [
    *("stop", "a b ", "a1", "1a ", "e1 ", "x_", "_", ". ", "a-b.c_", "\t \n", "\n", "> ", "--\n", '"'),
    *('liked "', "“x” ", "é", "e\u0301", "\u0345\u0301", "\ufdfa", "不要再", "ѕt0p 1s ", "\U0001f6d1", "👍 to “"),
    *("\ud83d", "\u200b", "\u0130", "ß", "i said ", "no ", "not ", "please ", "it ", "want it it it it stop "),
    *("not want ", "dont want to get ", "the end ", "can you please cancel my ", "how do i get "),
    *("do you want to stop my order or not please ", "cancel my my my ", "reply stop to end "),
    *("i i i i said said said ", "stop a a a ", "why don't you ", "i didnt ask for ", "sorry not "),
    *("don't you want to like to have to ", "the first ", "and ", "this is not ", "how does the reply "),
    *("remove my the ", "auto reply ", "driving ", "stopplease", "wrong ", "number ", "my husband ", "is "),
    *("deceased ", "minor "),
]
SHORT, LONG = 1_000, LONGEST_TEXT_CHARACTERS
MOST_GROWTH = 12
"""Four times the text: linear work is four times as much, the square sixteen times, the cube sixty-four times."""
NOISE_SECONDS = 0.02
HOSTILE_TEXTS = 2_000
TORTURE_TEXTS = 100_000
MOST_SECONDS = 0.1
"""Twenty times what a text may cost, so that a busy machine passes and work that grows with the square does not."""


@pytest.mark.parametrize("piece", REPEATED, ids=ascii)
def test_four_times_the_text_is_no_more_than_a_few_times_the_work(piece: str) -> None:
    def read(length: int) -> None:
        classify(_repeated(piece, length), Context.SUBSCRIBED)

    assert _seconds(lambda: read(LONG)) < MOST_GROWTH * _seconds(lambda: read(SHORT)) + NOISE_SECONDS


@pytest.mark.parametrize("ending", ["", "aa", "!", "\n", " _", "1"])
@pytest.mark.parametrize("piece", REPEATED, ids=ascii)
def test_the_steps_that_read_all_of_a_text_are_linear_on_one_long_word_too(piece: str, ending: str) -> None:
    def read(length: int) -> None:
        text = "x" + _repeated(piece, length) + ending
        for sentence in (fold(text), *sentences(text)):
            undisguised(sentence)

    assert _seconds(lambda: read(LONG)) < MOST_GROWTH * _seconds(lambda: read(SHORT)) + NOISE_SECONDS


def test_beyond_the_longest_text_nothing_costs_more() -> None:
    def read(length: int) -> None:
        classify(_repeated("can you please cancel my ", length), Context.SUBSCRIBED)

    assert _seconds(lambda: read(20 * LONG)) < 3 * _seconds(lambda: read(LONG)) + NOISE_SECONDS


def test_of_characters_that_stand_for_phrases_no_more_are_written_out_than_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written_out: list[str] = []

    def counted(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
        if form == "NFKC":
            written_out.append(text)
        return normalize(form, text)

    normalize = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", counted)
    folded = fold("\ufdfa" * LONG)
    assert len(folded) <= LONG + 200
    assert len("".join(written_out)) <= 500


def test_hostile_texts_are_each_read_in_no_time() -> None:
    _read_hostile_texts(HOSTILE_TEXTS, seed=1)


@pytest.mark.torture
def test_a_hundred_thousand_hostile_texts_are_each_read_in_no_time() -> None:
    _read_hostile_texts(TORTURE_TEXTS, seed=2 + SEED)


def test_a_text_is_read_once_for_every_standing_a_person_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(text: str, context: Context) -> Classification:
        read.append(text)
        return classify(text, context)

    monkeypatch.setattr("shared.inbound.classifier.classify", counted)
    contexts = (Context.SUBSCRIBED, Context.OPTED_OUT)

    assert {each.reply_class for each in classify_for("stop it now", contexts).values()} == {ReplyClass.OPT_OUT}
    assert read == ["stop it now"]
    assert [each.reply_class for each in classify_for("Yes", contexts).values()] == [
        ReplyClass.OTHER,
        ReplyClass.OPT_IN,
    ]


@pytest.mark.parametrize("words_before", [0, 100, 400, 700])
def test_a_stop_in_the_middle_of_a_long_text_is_heard(words_before: int) -> None:
    text = "word " * words_before + ". Stop. " + "word " * (700 - words_before)

    assert classify(text, Context.SUBSCRIBED).reply_class is ReplyClass.OPT_OUT


def test_a_stop_that_closes_a_text_far_too_long_is_heard() -> None:
    assert classify("x" * 100_000 + ". please stop", Context.SUBSCRIBED).reply_class is ReplyClass.OPT_OUT


def test_a_text_that_was_not_read_whole_needs_review() -> None:
    reading = classify("lovely " * 1_000 + "unsubscribe " + "lovely " * 1_000, Context.SUBSCRIBED)

    assert reading.needs_review


def test_a_keyword_among_the_words_of_a_long_text_needs_review() -> None:
    assert classify("lovely " * 200 + "unsubscribe " + "lovely " * 200, Context.SUBSCRIBED).needs_review


def _read_hostile_texts(count: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    alphabet = [*REPEATED, *sorted(words().opt_out | words().fillers), " ", " ", "."]
    words()
    for _ in range(count):
        pieces = chance.choices(alphabet, k=chance.randint(1, 6))
        text = "".join(piece * chance.choice((1, 1, 3, 40, 400)) for piece in pieces)
        if chance.random() < 0.5:
            text = _repeated(text, chance.choice((160, 1_600)))
        seconds = _seconds(partial(classify, text, Context.SUBSCRIBED), most=MOST_SECONDS)
        assert seconds < MOST_SECONDS, text


def _repeated(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def _seconds(work: Callable[[], object], most: float = 0.0) -> float:
    """Return the processor time of some work: the least of up to five tries, as others share the machine."""
    least = float("inf")
    for _ in range(5):
        before = time.thread_time()
        work()
        least = min(least, time.thread_time() - before)
        if least < most:
            break
    return least
