"""Short links while a text is rendered: codes nobody can guess, addresses that can be followed and nothing else."""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import idna

from shared import ids
from shared.config.merchant import MerchantConfig
from shared.rendering.render import LinkRefused
from shared.settings import ProcessSettings

CODE_CHARACTERS = 10
"""62^10 = 8·10^17 codes (59 bits): with ten million links alive, somebody who tries a thousand codes a second finds
one in about two and a half years, and two of them ever coincide with a chance of 1 in 16,000 (the database refuses
the second). Nine characters would bring the first to two weeks; each more costs a character of every text."""
LONGEST_TARGET_CHARACTERS = 2048
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\<>\"]|\s")
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")
_EVERY_INTERFACE = frozenset({"", "0.0.0.0", "::"})
_KEPT = ":/?#[]@!$&'()*+,;=-._~%"
"""Characters of an address that mean something (RFC 3986), and the sign of those already encoded."""
_IN_PATH = r"[A-Za-z0-9:/\[\]@!$&'()*+,;=._~%-]"
_READY = re.compile(rf"https?://[a-z0-9._-]+(?:/{_IN_PATH}*)?(?:\?(?:{_IN_PATH}|\?)+)?")
"""An address that is as it goes out already: nothing to fold, encode or leave out."""


class ShortLink(NamedTuple):
    """A code and the address it stands for."""

    code: str
    target: str


class Shortener:
    """The `link` of one text: call it with an address, keep `links` in the transaction that makes the text real.

    The same address twice in a text gets one code. Codes of a text that is never sent are simply not kept.
    """

    def __init__(self, base_url: str, *, new_code: Callable[[int], str] = ids.code) -> None:
        """Make the links of one text.

        Args:
            base_url: the merchant's `links.base_url`; where there is none, the address of this process.
            new_code: a source of random base-62 codes of a given length.
        """
        self._base_url = base_url.rstrip("/")
        self._new_code = new_code
        self._codes: dict[str, str] = {}

    def __call__(self, target: str) -> str:
        """Return the short address of a target.

        Raises:
            LinkRefused: the target is no web address.
        """
        address = web_address(target)
        if address is None:
            raise LinkRefused("link needs a complete web address that starts with https:// or http://")
        code = self._codes.get(address)
        if code is None:
            code = self._codes[address] = self._new_code(CODE_CHARACTERS)
        return f"{self._base_url}/r/{code}"

    @property
    def links(self) -> tuple[ShortLink, ...]:
        """What was shortened, in order of appearance."""
        return tuple(ShortLink(code, target) for target, code in self._codes.items())


def base_url_of(merchant: MerchantConfig, settings: ProcessSettings) -> str:
    """Return where a merchant's short links live: their own domain, else the address of this process."""
    if merchant.links is not None:
        return merchant.links.base_url
    host = "localhost" if settings.host in _EVERY_INTERFACE else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


def web_address(text: str) -> str | None:
    """Return an address as it goes into a Location header (ASCII only), or None where it is no web address.

    Names are written by IDNA 2008 (RFC 5891), as registries and browsers do: under the older rules `straße.de` is
    `strasse.de`, which belongs to somebody else.
    """
    text = text.strip()
    if len(text) > LONGEST_TARGET_CHARACTERS or _UNSAFE.search(text):
        return None
    if _READY.fullmatch(text):  # as nearly all are; taking one apart costs twenty times as much
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
