"""The classifier of inbound texts: a pure function from words and context to a reply class.

Opt-out is read broadly, opt-in narrowly; where several classes match, opt-out beats help beats opt-in.
Source: compliance section 12.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.events.engagement import ReplyClass
from shared.inbound.normal import (
    LONGEST_TEXT_CHARACTERS,
    both_ends,
    ends_of,
    fold,
    sentences,
    undisguised,
    without_quotes,
)
from shared.inbound.words import Words, words

_GUARDED = " ◦ "
_AFTER_NOT = re.compile(
    r"^\W*(?:sorry\W+|hi\W+|hello\W+|hey\W+|no\W+)*"
    r"(?:this is not|this isn.?t|i.?m not|i am not|it.?s not|not)\s+([^\W\d_]{2,})\W*$",
    re.IGNORECASE,
)
_NAME_AND_KEYWORD_WORDS = 2
_QUOTED = re.compile(r".*[\"”“»」]", re.DOTALL)
"""Everything up to the last closing quotation mark."""
_MOST_SEARCHED_CHARACTERS = 960
"""Six texts in one. Phrases are searched in as much of a text: its beginning and its end; keywords in
all of it."""
_MOST_DISGUISED_CHARACTERS = 300
_LONGEST_TAPBACK_CHARACTERS = 200
"""Before the quotation."""
_YES = "yes from somebody who was asked"


class Context(StrEnum):
    """The person's standing with the brand when the text arrives."""

    SUBSCRIBED = "subscribed"
    OPTED_OUT = "opted_out"
    PENDING = "pending"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Classification:
    """How a text was read; `why` names the rule and never repeats the text."""

    reply_class: ReplyClass
    why: str
    needs_review: bool = False
    """Only on `other`: marketing to this person waits until someone at the shop has looked."""
    wrong_party: bool = False
    """The number is another person's now: suppress it, not only the programme."""


_TOO_LONG = Classification(ReplyClass.OTHER, "too long to be read whole", needs_review=True)


def classify(text: str, context: Context) -> Classification:
    """Read one inbound text; total, the same whatever the text's case and decoration, and linear in its length."""
    known = words()
    read, was_cut = both_ends(text, LONGEST_TEXT_CHARACTERS)
    reading = _of_own_words(read, context, known)
    return min(reading, _TOO_LONG, key=_rank) if was_cut else reading


def classify_for(text: str, contexts: Iterable[Context]) -> Mapping[Context, Classification]:
    """Classify one text for several standings at the cost of one: only a bare yes depends on the standing."""
    most = classify(text, Context.OPTED_OUT)
    if most.why != _YES:
        return dict.fromkeys(contexts, most)
    return {context: classify(text, context) for context in contexts}


def _of_own_words(text: str, context: Context, known: Words) -> Classification:
    own = _without_tapback(without_quotes(text), known)
    if own is None:
        return Classification(ReplyClass.OTHER, "a reaction that quotes an earlier text")
    said = sentences(own)
    if not said:
        return _wordless(text, known)
    by_hand = [sentence for sentence in said if not known.auto_replies.search(sentence[:_MOST_SEARCHED_CHARACTERS])]
    if len(by_hand) < len(said):
        return _beside_an_automatic_reply(by_hand, context, known)
    readings = [_read(said, own, context, known, _MOST_SEARCHED_CHARACTERS)]
    latin = [undisguised(sentence) for sentence in said]
    if latin != said:
        disguised = _read(latin, own, Context.NONE, known, _MOST_DISGUISED_CHARACTERS)
        if disguised.reply_class is not ReplyClass.OPT_IN:
            readings.append(disguised)
    return min(readings, key=_rank)


def _beside_an_automatic_reply(said: Sequence[str], context: Context, known: Words) -> Classification:
    """Classify the rest of a telephone's automatic answer; only an opt-out in it is the person's."""
    reading = _read(said, "", context, known, _MOST_SEARCHED_CHARACTERS) if said else None
    if reading is not None and reading.reply_class is ReplyClass.OPT_OUT:
        return reading
    return Classification(ReplyClass.OTHER, "an automatic reply")


def _rank(reading: Classification) -> tuple[int, bool]:
    order = (ReplyClass.OPT_OUT, ReplyClass.HELP, ReplyClass.OPT_IN, ReplyClass.OTHER)
    return order.index(reading.reply_class), not reading.needs_review


def _without_tapback(text: str, known: Words) -> str | None:
    """Return what a person added to a reaction, the text itself if it is none, None if nothing was added."""
    if not known.tapback.match(" ".join(fold(text[:_LONGEST_TAPBACK_CHARACTERS]).split())) and not _is_emoji_reaction(
        text
    ):
        return text
    quoted = _QUOTED.match(text)
    added = text[quoted.end() :] if quoted else ""
    return added if sentences(added) else None


def _is_emoji_reaction(text: str) -> bool:
    """Return whether a text is an emoji, the word "to" and a quotation, as Android writes reactions."""
    return bool(re.match(r"^\W{1,12}\bto\s+[\"“„«]", text.strip()))


def _wordless(text: str, known: Words) -> Classification:
    if any(character in known.stop_signs for character in text):
        return Classification(ReplyClass.OTHER, "a stop sign without a word", needs_review=True)
    return Classification(ReplyClass.OTHER, "no words")


def _read(said: Sequence[str], own: str, context: Context, known: Words, most: int) -> Classification:
    """Read folded sentences: the whole message first, then phrases in its ends, then keywords in all of it."""
    near = ends_of(said, most)
    if found := _whole(" ".join(said).split(), context, known) or _wrong_party(near, own, known):
        return found
    guarded = [(sentence, _guarded(sentence, known)) for sentence in near]
    is_cut = near is not said
    return (
        _phrases(guarded, said, known, is_cut=is_cut)
        or _unclear(guarded, said, known, is_cut=is_cut)
        or Classification(ReplyClass.OTHER, "nothing that means stop, start or help")
    )


def _whole(tokens: list[str], context: Context, known: Words) -> Classification | None:
    """Read a message that is a keyword, or keywords and fillers only."""
    joined = "".join(tokens)
    rest = [token for token in tokens if token not in known.fillers]
    if joined in known.opt_out or _only(rest, known.opt_out | known.help | known.opt_in, needs=known.opt_out):
        return Classification(ReplyClass.OPT_OUT, "the whole message is an opt-out keyword")
    if any(known.joined.fullmatch(token) for token in rest) and len(rest) == 1:
        return Classification(ReplyClass.OPT_OUT, "an opt-out keyword and another word in one")
    if "".join(rest) in known.opt_out:
        return Classification(ReplyClass.OPT_OUT, "an opt-out keyword and fillers")
    bare = [token for token in tokens if token not in known.courtesies]
    if {joined, "".join(bare)} & known.opt_out_alone:
        return Classification(ReplyClass.OPT_OUT, "a word that alone asks to be let go")
    if joined in known.help or _only(bare, known.help | known.opt_in, needs=known.help):
        return Classification(ReplyClass.HELP, "the whole message asks for help")
    if joined in known.opt_in:
        return Classification(ReplyClass.OPT_IN, "the whole message is an opt-in keyword")
    if joined in known.opt_in_when_asked and context in {Context.OPTED_OUT, Context.PENDING}:
        return Classification(ReplyClass.OPT_IN, _YES)
    return None


def _only(tokens: list[str], allowed: frozenset[str], *, needs: frozenset[str]) -> bool:
    return bool(tokens) and all(token in allowed for token in tokens) and any(token in needs for token in tokens)


def _wrong_party(said: Sequence[str], own: str, known: Words) -> Classification | None:
    stranger = _AFTER_NOT.match(own.strip())
    named = (
        stranger is not None
        and stranger[1][:1].isupper()
        and stranger[1][1:].islower()
        and fold(stranger[1]) not in known.not_names
    )
    if named or any(known.wrong_party.search(sentence) for sentence in said):
        return Classification(ReplyClass.OPT_OUT, "the number belongs to somebody else", wrong_party=True)
    return None


def _phrases(
    near: Sequence[tuple[str, str]], said: Sequence[str], known: Words, *, is_cut: bool
) -> Classification | None:
    """Find a sentence that means stop, after what only sounds like it is taken out: `near` holds each both ways."""
    whole = " ".join(said)
    if any(phrase in whole for phrase in known.anywhere):
        return Classification(ReplyClass.OPT_OUT, "a phrase that means stop")
    for sentence, guarded in near:
        if known.before_guards.search(sentence):
            return Classification(ReplyClass.OPT_OUT, "a phrase that means stop")
        if known.opt_out_phrases.search(guarded):
            return Classification(ReplyClass.OPT_OUT, "a phrase that means stop")
        tokens = [token for token in guarded.split() if token != _GUARDED.strip()]
        if _is_keyword(tokens, known):
            return Classification(ReplyClass.OPT_OUT, "a sentence that is an opt-out keyword")
        if _has_addressee(tokens, known):
            return Classification(ReplyClass.OPT_OUT, "an opt-out keyword and a name")
    if is_cut and any(_is_keyword(sentence.split(), known) for sentence in said):
        return Classification(ReplyClass.OPT_OUT, "a sentence of a long text that is an opt-out keyword")
    return None


def _is_keyword(tokens: list[str], known: Words) -> bool:
    """Return whether a sentence is a strong keyword, or several, and fillers."""
    rest = [token for token in tokens if token not in known.fillers]
    return _only(rest, known.opt_out_strong, needs=known.opt_out_strong)


def _has_addressee(tokens: list[str], known: Words) -> bool:
    """Return whether two words are an opt-out keyword and its addressee ("STOP Acme"); not "stop smoking"."""
    return (
        len(tokens) == _NAME_AND_KEYWORD_WORDS
        and tokens[0] in known.opt_out_strong
        and tokens[1].isalpha()
        and not tokens[1].endswith("ing")
    )


def _guarded(sentence: str, known: Words) -> str:
    """Return the sentence without the places where a keyword means something else."""
    for guard in known.guards:
        sentence = guard.sub(_GUARDED, sentence)
    return sentence


def _unclear(
    near: Sequence[tuple[str, str]], said: Sequence[str], known: Words, *, is_cut: bool
) -> Classification | None:
    for sentence, guarded in near:
        if known.review_before_guards.search(sentence) or known.review.search(guarded):
            return Classification(ReplyClass.OTHER, "may mean stop", needs_review=True)
        if any(token in known.opt_out_strong for token in guarded.split()):
            return Classification(ReplyClass.OTHER, "an opt-out keyword among other words", needs_review=True)
    if is_cut and any(token in known.opt_out_strong for sentence in said for token in sentence.split()):
        return Classification(ReplyClass.OTHER, "an opt-out keyword among the words of a long text", needs_review=True)
    return None
