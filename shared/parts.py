"""SMS parts: how many messages a text is billed as, exactly.

Source: 3GPP TS 23.038 (the GSM 7-bit alphabet and its extension table), TS 23.040 section 9.2.3.24.1 (a part of a
concatenated message loses 6 octets to the header: 153 septets or 67 UCS-2 units remain of 160 and 70).
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

GSM7_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Each takes two septets: an escape and the character; a part never ends between them."""

_FOREIGN_TO_BASIC = re.compile(f"[^{re.escape(''.join(sorted(GSM7_BASIC)))}]")
_BEYOND_BMP = 0x10000


class Encoding(StrEnum):
    """How a text travels: one foreign character makes the whole text UCS-2."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


UNITS_ALONE = {Encoding.GSM7: 160, Encoding.UCS2: 70}
"""Septets or 16-bit units that fit into a message by itself."""
UNITS_CONCATENATED = {Encoding.GSM7: 153, Encoding.UCS2: 67}
"""Septets or 16-bit units that fit into each part of a longer one."""
_SEPTETS_ALONE, _SEPTETS_CONCATENATED = UNITS_ALONE[Encoding.GSM7], UNITS_CONCATENATED[Encoding.GSM7]


class Parts(NamedTuple):
    """What a text weighs."""

    encoding: Encoding
    parts: int
    """Messages billed; an empty text still travels as one."""
    units: int
    """Septets (GSM-7) or 16-bit units (UCS-2)."""


def count(text: str) -> Parts:
    """Return encoding, parts and units of a text; escape pairs and surrogate pairs are never split over parts."""
    if _FOREIGN_TO_BASIC.search(text) is None:  # as most texts are: one septet a character, nothing to keep together
        units = len(text)
        return Parts(Encoding.GSM7, 1 if units <= _SEPTETS_ALONE else -(-units // _SEPTETS_CONCATENATED), units)
    encoding = encoding_of(text)
    widths = [_width(character, encoding) for character in text]
    units = sum(widths)
    alone = units <= UNITS_ALONE[encoding]
    return Parts(encoding, 1 if alone else _filled(widths, UNITS_CONCATENATED[encoding]), units)


def encoding_of(text: str) -> Encoding:
    """Return the encoding a text needs."""
    return Encoding.GSM7 if all(c in GSM7_BASIC or c in GSM7_EXTENSION for c in text) else Encoding.UCS2


def _width(character: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM7:
        return 2 if character in GSM7_EXTENSION else 1
    return 2 if ord(character) >= _BEYOND_BMP else 1


def _filled(widths: Iterable[int], room: int) -> int:
    """Return how many parts of `room` units the characters fill when none is split."""
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts
