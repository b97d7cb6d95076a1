"""From a text as typed to the words it says: quotes, signatures, decoration, accents and disguises removed.

Source: compliance section 12, steps 2 and 3.
"""

import re
import unicodedata
from functools import lru_cache

LONGEST_TEXT_CHARACTERS = 4000
"""More than any concatenated SMS; the rest of an e-mail is not read."""

_ACCENTS = range(0x0300, 0x0370)
_LETTERS_OF_THEIR_OWN = str.maketrans(
    {"ı": "i", "ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe", "أ": "ا", "إ": "ا", "آ": "ا"}
)
_APOSTROPHES = "'’‘ʼ´`＇′"
_QUOTE_LINE = re.compile(r"^\s*(?:>|＞|\|)")
_SENTENCE_END = frozenset(".!?;\n。！？…¡¿؟।:")
_SPACED = re.compile(r"(?<!\w)\w(?:[\s.\-_*·•,/|~+]{1,3}\w){2,}(?!\w)")
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
_MIXED = re.compile(r"\w*(?:[a-z]\w*[01345]|[01345]\w*[a-z])\w*")


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Return the text without case, accents, apostrophes, invisible characters and compatibility forms."""
    plain = unicodedata.normalize("NFKC", _unsquared(text)).casefold().translate(_LETTERS_OF_THEIR_OWN)
    taken_apart = unicodedata.normalize("NFD", plain)
    kept = "".join(c for c in taken_apart if ord(c) not in _ACCENTS and not _is_invisible(c) and c not in _APOSTROPHES)
    return unicodedata.normalize("NFC", kept)


def without_quotes(text: str) -> str:
    """Return the person's own lines: quoted ones, device signatures and what follows an e-mail's rule are gone."""
    own: list[str] = []
    for line in text[:LONGEST_TEXT_CHARACTERS].splitlines():
        if _ENDS_THE_TEXT.match(line) and own:
            break
        if not _QUOTE_LINE.match(line) and not _SIGNATURE.match(line):
            own.append(line)
    return "\n".join(own)


def sentences(text: str) -> list[str]:
    """Return the folded sentences of a text: words with single spaces, spaced-out letters joined, runs shortened."""
    folded = _SPACED.sub(_joined, fold(text))
    marked = "".join("\n" if c in _SENTENCE_END else c if _is_word(c) or c == "$" else " " for c in folded)
    shortened = _RUN.sub(r"\1", _keeping_breaks(marked))
    return [words for line in shortened.split("\n") if (words := " ".join(line.split()))]


def undisguised(sentence: str) -> str:
    """Return a folded sentence with look-alike letters and digits read as the Latin letters they imitate."""
    latin = sentence.translate(_LOOK_ALIKES)
    return _MIXED.sub(lambda match: match[0].translate(_DIGITS), latin)


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


def _unsquared(text: str) -> str:
    """Return the text with letters in black circles, in squares and of flags as the letters they show."""
    return "".join(_letter_shown(c) for c in text)


def _letter_shown(character: str) -> str:
    for first in (0x1F150, 0x1F170, 0x1F1E6):
        if first <= ord(character) < first + 26:
            return chr(ord("a") + ord(character) - first)
    return character
