"""The classifier is total and looks through decoration."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from shared.events.engagement import ReplyClass
from shared.inbound.classifier import Context, classify
from shared.inbound.words import words

TELLING = [
    "stop",
    "dont",
    "please",
    "by",
    "to",
    "the",
    "order",
    "cancel",
    "texting",
    ".",
    "?",
    "not",
    "want",
    "“",
    ">",
    "i",
    "unsubscribe",
    "help",
    "yes",
]
SPELT = ["stop", "unsubscribe", "quit", "cancel", "revoke", "remove"]
UNDECORATED = ["start", "unstop", "help", "info", "hello there", "when will it come", "stop by", "no thanks"]
COMMON_WORDS = """
shop spot step top stoop post slop swop stomp strop slot stove store story stock stork atop sop ship chop stock soap
stoic quite quiet quilt quip quiz suit quick quoit and ned bend send lend mend fend tend wend bed ended ends den eddy
cancer candle camel chancel council counsel channel canal evoke invoke provoke rebuke remote removal remark elder
subscriber subscription describe scribe inscribe transcribe outpost output outlook optic option optical adopt
kelp yelp helped whelp heap hello shelf
"""

CASES = st.sampled_from([str.lower, str.upper, str.title, str.swapcase])
contexts = st.sampled_from(list(Context))
decoration = st.text(alphabet=" !?.,😀🙏😡👍❤️👉*-()\u200b\u200d\ufe0f\u202e\n", max_size=6)
opt_out_words = st.sampled_from(sorted(words().opt_out))


@given(st.text(max_size=200), contexts)
def test_any_text_at_all_has_a_reading(text: str, context: Context) -> None:
    reading = classify(text, context)

    assert reading.reply_class is ReplyClass.OTHER or not reading.needs_review


@given(st.lists(st.sampled_from(TELLING)), contexts)
def test_any_jumble_of_keywords_has_a_classification(jumble: list[str], context: Context) -> None:
    assert classify(" ".join(jumble), context).why


@given(word=opt_out_words, before=decoration, after=decoration, case=CASES, context=contexts)
def test_an_opt_out_keyword_is_one_however_it_is_decorated(
    word: str, before: str, after: str, case: Callable[[str], str], context: Context
) -> None:
    reading = classify(f"{before} {case(word)} {after}", context)

    assert reading.reply_class is ReplyClass.OPT_OUT


@given(word=st.sampled_from(UNDECORATED), before=decoration, after=decoration, case=CASES)
def test_decoration_never_changes_a_reading(word: str, before: str, after: str, case: Callable[[str], str]) -> None:
    assert classify(f"{before} {case(word)} {after}", Context.SUBSCRIBED) == classify(word, Context.SUBSCRIBED)


@given(st.sampled_from(SPELT), st.sampled_from([" ", ".", "-", "*", "_", " . "]))
def test_letters_spelt_out_are_the_word(word: str, between: str) -> None:
    assert classify(between.join(word), Context.SUBSCRIBED).reply_class is ReplyClass.OPT_OUT


@given(st.sampled_from(sorted({*COMMON_WORDS.split()})))
def test_no_everyday_word_is_taken_for_a_misspelt_keyword(word: str) -> None:
    assert word not in words().opt_out
    assert word not in words().help
    assert classify(word, Context.SUBSCRIBED).reply_class is ReplyClass.OTHER


def test_at_least_forty_misspellings_of_stop_are_known() -> None:
    near = [word for word in words().opt_out if len(word) in {3, 4, 5} and len(set("stop") & set(word)) >= 3]

    assert len(near) >= 40
