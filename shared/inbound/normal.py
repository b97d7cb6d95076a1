"""Reduces a text as typed to its words: quotes, signatures, decoration, accents and disguises removed.

Source: compliance section 12, steps 2 and 3.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

LONGEST_TEXT_CHARACTERS = 4000
"""More than twice the longest concatenated SMS; of a longer text the two ends are read, and the result says so."""
_MOST_MARKS = 8
"""In a row on one letter; normalising a run of them costs the square of its length."""
_MOST_ADDED = 200
"""Characters that stand for whole phrases become many; a long text of nothing else is read in part."""
_SLICE_CHARACTERS = 200
_MARK = "^"
_TOO_MANY_MARKS = _MARK * (_MOST_MARKS + 1)
_LONGEST_DISGUISE_CHARACTERS = 64
_MOST_KNOWN_CHARACTERS = 20_000
"""A table that learns characters as they come starts again at this size; so it cannot grow for ever."""

_ACCENTS = range(0x0300, 0x0370)
_LETTERS_OF_THEIR_OWN = str.maketrans(
    {"ı": "i", "ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe", "أ": "ا", "إ": "ا", "آ": "ا"}
)
_APOSTROPHES = "'’‘ʼ´`＇′"
_QUOTE_LINE = re.compile(r"^\s*(?:>|＞|\|)")
_SENTENCE_END = frozenset(".!?;\n。！？…¡¿؟।:")
_LETTER = r"[^\W_]"
_SPACED = re.compile(rf"(?<!{_LETTER}){_LETTER}(?:[\s.\-_*·•,/|~+]{{1,3}}{_LETTER}){{2,}}(?!{_LETTER})")
"""Letters and separators share no character: one way to read each text, so linear in its length."""
_RUN = re.compile(r"(.)\1{2,}")
_RULE = r"--\s*$|__+\s*$|on .{4,80} wrote:|-+ ?(?:original|forwarded) message"
_ENDS_THE_TEXT = re.compile(rf"^\s*(?:{_RULE})", re.IGNORECASE)
_SIGNATURE = re.compile(
    rf"^\s*(?:{_RULE}"
    r"|(?:sent|posted|typed|written) (?:from|via|with|by|using) "
    r"|get (?:outlook|bluemail|yahoo) |download (?:the )?\w+ app"
    r"|envoy[eé] (?:de|depuis|à partir) |enviado (?:desde|do|de|a partir) |(?:von|gesendet von) mein"
    r"|inviato da|verzonden (?:vanaf|met)|wys[lł]ane z|отправлено (?:с|из) )",
    re.IGNORECASE,
)

_LOOK_ALIKES = str.maketrans(
    "авеіјкмнорсѕтухԁһԛԝѵзьαβεηικμνορτυχϲϳսօոꜱꜰʀʙɢʜɪʟɴᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢ$",
    "abeijkmhopcstyxdhqwv3babehikmnoptuxcjuonsfrbghilnacdejkmoptuvwzs",
)
_DIGITS = str.maketrans("01345", "oieas")
_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[a-z]")
_DISGUISING_DIGIT = re.compile(r"[01345]")


class _Table(dict[int, str]):
    """What each character becomes, for `str.translate`; computed at a character's first occurrence."""

    def __init__(self, becomes: Callable[[str], str]) -> None:
        super().__init__()
        self._becomes = becomes

    def __missing__(self, code_point: int) -> str:
        if len(self) >= _MOST_KNOWN_CHARACTERS:
            self.clear()
        self[code_point] = becomes = self._becomes(chr(code_point))
        return becomes


def both_ends(text: str, most: int) -> tuple[str, bool]:
    """Return a text, or its beginning and its end on lines of their own where it is longer, and whether it was."""
    if len(text) <= most:
        return text, False
    half = most // 2
    return text[:half] + "\n" + text[-half:], True


def fold(text: str) -> str:
    """Return the text without case, accents, apostrophes, invisible characters and compatibility forms."""
    if text.isascii():
        return text.lower().translate(_PLAIN)
    squared = _with_few_marks(text).translate(_UNSQUARED)
    compatible = _compatible(squared, LONGEST_TEXT_CHARACTERS + _MOST_ADDED)
    plain = _with_few_marks(compatible).casefold().translate(_LETTERS_OF_THEIR_OWN)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", plain).translate(_PLAIN))


def _compatible(text: str, most: int) -> str:
    """Return the beginning of a text in compatibility forms; what would be cut off is not worked out."""
    if len(text) <= _SLICE_CHARACTERS:
        return unicodedata.normalize("NFKC", text)[:most]
    found = ""
    for start in range(0, len(text), _SLICE_CHARACTERS):
        found += unicodedata.normalize("NFKC", text[start : start + _SLICE_CHARACTERS])
        if len(found) >= most:
            break
    return found[:most]


def without_quotes(text: str) -> str:
    """Return the person's own lines, without quotes, device signatures and what follows an e-mail's rule."""
    own: list[str] = []
    for line in text.splitlines():
        if _ENDS_THE_TEXT.match(line) and own:
            break
        if not _QUOTE_LINE.match(line) and not _SIGNATURE.match(line):
            own.append(line)
    return "\n".join(own)


def sentences(text: str) -> list[str]:
    """Return the folded sentences of a text: words with single spaces, spaced-out letters joined, runs shortened."""
    folded = _SPACED.sub(_joined, fold(text))
    shortened = _RUN.sub(r"\1", _keeping_breaks(folded.translate(_MARKED)))
    return [words for line in shortened.split("\n") if (words := " ".join(line.split()))]


def ends_of(said: Sequence[str], most: int) -> Sequence[str]:
    """Return the very sentences if they are short enough together, else those at both ends, cut where need be."""
    if sum(map(len, said)) <= most:
        return said
    half = most // 2
    return [*_first(said, half, slice(None, half)), *reversed(_first(reversed(said), half, slice(-half, None)))]


def _first(said: Iterable[str], most: int, kept: slice) -> list[str]:
    """Return sentences while they fit; one that alone is too long is cut."""
    found: list[str] = []
    for sentence in said:
        most -= len(sentence)
        if most < 0 and found:
            break
        found.append(sentence[kept])
    return found


def undisguised(sentence: str) -> str:
    """Return a folded sentence with look-alike letters and digits read as the Latin letters they imitate."""
    latin = sentence.translate(_LOOK_ALIKES)
    if _DISGUISING_DIGIT.search(latin) is None:
        return latin
    without_digits = latin.translate(_DIGITS)  # of the same length, so that a word is at the same place in both

    def read(match: re.Match[str]) -> str:
        """Return a word of letters and digits as the letters it imitates; a long one is not a disguised word."""
        word = match[0]
        mixed = len(word) <= _LONGEST_DISGUISE_CHARACTERS and _DISGUISING_DIGIT.search(word) and _LATIN.search(word)
        return without_digits[match.start() : match.end()] if mixed else word

    return _WORD.sub(read, latin)


def _with_few_marks(text: str) -> str:
    """Return the text with no more combining marks in a row than any script needs."""
    if text.isascii() or _TOO_MANY_MARKS not in text.translate(_MARKS):
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _keeping_breaks(text: str) -> str:
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text))


def _joined(match: re.Match[str]) -> str:
    return "".join(c for c in match[0] if _is_word(c))


def _is_word(character: str) -> bool:
    """Return whether a character is part of a word: letter, digit or combining mark (Hindi vowels, say)."""
    return unicodedata.category(character)[0] in "LN" or unicodedata.category(character) in {"Mn", "Mc"}


def _is_invisible(character: str) -> bool:
    """Return whether a character shows nothing: zero-width, direction, soft hyphen, variation selector, control."""
    if character in "\n\t\r":
        return False
    return unicodedata.category(character) in {"Cf", "Cc", "Me"} or 0xFE00 <= ord(character) <= 0xFE0F  # noqa: PLR2004 - variation selectors


def _letter_shown(character: str) -> str:
    """Return the letter that a black circle, a square or half a flag shows."""
    for first in (0x1F150, 0x1F170, 0x1F1E6):
        if first <= ord(character) < first + 26:
            return chr(ord("a") + ord(character) - first)
    return character


def _plain(character: str) -> str:
    dropped = ord(character) in _ACCENTS or _is_invisible(character) or character in _APOSTROPHES
    return "" if dropped else character


def _marked(character: str) -> str:
    if character in _SENTENCE_END:
        return "\n"
    return character if _is_word(character) or character == "$" else " "


def _mark(character: str) -> str:
    return _MARK if unicodedata.combining(character) else " "


_MARKS = _Table(_mark)
_UNSQUARED = _Table(_letter_shown)
_PLAIN = _Table(_plain)
_MARKED = _Table(_marked)
