"""Short links for a text that is being rendered: codes that cannot be guessed, targets that are web addresses."""

import re
from collections.abc import Callable
from urllib.parse import quote, urlsplit, urlunsplit

import idna

from shared import ids
from shared.rendering.render import LinkRefused

CODE_CHARACTERS = 10
"""62^10 = 8·10^17 codes (59 bits): with ten million links alive, an attacker who tries a thousand codes a second finds
one in about two and a half years, and two of them ever coincide with a chance of 1 in 16,000 (the database refuses
the second). Nine characters would shorten that to two weeks; each more costs a character of every text."""
LONGEST_TARGET_CHARACTERS = 2048
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\<>\"]|\s")
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")
_KEPT = ":/?#[]@!$&'()*+,;=-._~%"
"""Characters of an address with a meaning (RFC 3986), and the percent sign of those already encoded."""
_IN_PATH = r"[A-Za-z0-9:/\[\]@!$&'()*+,;=._~%-]"
_READY = re.compile(rf"https?://[a-z0-9._-]+(?:/{_IN_PATH}*)?(?:\?(?:{_IN_PATH}|\?)+)?")
"""An address that needs no folding or encoding."""


class Shortener:
    """The `link` function of one text: called with an address; `codes` are stored in the intent's transaction.

    The same address twice in a text gets one code. Codes of a text that is never sent are not stored.
    """

    def __init__(self, base_url: str, *, new_code: Callable[[int], str] = ids.code) -> None:
        """Create the links of one text, below an address; `new_code` returns random base-62 codes of a given length."""
        self._base_url = base_url.rstrip("/")
        self._new_code = new_code
        self.codes: dict[str, str] = {}
        """By the address that each stands for, in the order of the text."""

    def __call__(self, target: str) -> str:
        """Return the short address of a target.

        Raises:
            LinkRefused: the target is not a web address.
        """
        address = web_address(target)
        if address is None:
            raise LinkRefused("link needs a complete web address that starts with https:// or http://")
        code = self.codes.get(address)
        if code is None:
            code = self.codes[address] = self._new_code(CODE_CHARACTERS)
        return f"{self._base_url}/r/{code}"


def web_address(text: str) -> str | None:
    """Return an address for a Location header (ASCII only), or None where it is not a web address.

    Names are encoded by IDNA 2008 (RFC 5891), as registries and browsers do: under the older rules `straße.de` is
    `strasse.de`, which may belong to another owner.
    """
    text = text.strip()
    if len(text) > LONGEST_TARGET_CHARACTERS or _UNSAFE.search(text):
        return None
    if _READY.fullmatch(text):  # as nearly all are; parsing one costs twenty times as much
        return text
    try:
        split = urlsplit(text)
        host, port = split.hostname, split.port
    except ValueError:
        return None
    if split.scheme not in {"http", "https"} or not host or split.username is not None or split.password is not None:
        return None
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True, transitional=False).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    name = f"[{name}]" if ":" in name else name
    if not _HOST.fullmatch(name):
        return None
    place = name if port is None else f"{name}:{port}"
    path, query, fragment = (quote(part, safe=_KEPT) for part in (split.path, split.query, split.fragment))
    address = urlunsplit((split.scheme, place, path, query, fragment))
    return address if len(address) <= LONGEST_TARGET_CHARACTERS else None
