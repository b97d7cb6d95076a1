"""Normalises a name, a country, a state and a language as people and shops write them, once, on entry.

A name is what a stranger can put into another person's text under a shop's brand. So what is not a name counts as
absent, and the template's `default` is used: an address, a run of digits, several lines, marks that change the
direction of writing, or more than forty characters.
"""

import re
import unicodedata
from typing import Final

LONGEST_NAME_CHARACTERS: Final = 40
_DOTS = str.maketrans({"。": ".", "．": ".", "｡": ".", "․": ".", "\u00a0": " ", "\u202f": " "})
_UNSEEN = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff\ufe00-\ufe0f]")
_ADDRESS = re.compile(r"\w\.\w{2,}|www\.|https?|[/\\@:<>{}\[\]|=$%#*_^~+]", re.IGNORECASE)
_DIGITS = re.compile(r"\d(?:[\s.,-]*\d){2,}")

_COUNTRIES: Final = {
    "GB": "uk,gbr,united kingdom,great britain,england,scotland,wales,northern ireland",
    "US": "usa,u.s.,u.s.a.,united states,united states of america",
    "CA": "can,canada",
    "GR": "el,grc,greece",
    "DE": "deu,germany,deutschland",
    "FR": "fra,france",
    "ES": "esp,spain,españa",
    "IT": "ita,italy,italia",
    "NL": "nld,netherlands,the netherlands",
    "AT": "aut,austria,österreich",
    "CH": "che,switzerland",
    "BE": "bel,belgium",
    "IE": "irl,ireland",
    "PT": "prt,portugal",
    "PL": "pol,poland",
    "SE": "swe,sweden",
    "DK": "dnk,denmark",
    "NO": "nor,norway",
    "FI": "fin,finland",
    "AU": "aus,australia",
    "NZ": "nzl,new zealand",
    "MX": "mex,mexico,méxico",
    "BR": "bra,brazil,brasil",
    "IN": "ind,india",
    "JP": "jpn,japan",
}
_COUNTRY_WORDS: Final = {word: code for code, words in _COUNTRIES.items() for word in words.split(",")}
_STATES: Final = {
    "US": "AL alabama,AK alaska,AZ arizona,AR arkansas,CA california,CO colorado,CT connecticut,DE delaware,FL florida,"
    "GA georgia,HI hawaii,ID idaho,IL illinois,IN indiana,IA iowa,KS kansas,KY kentucky,LA louisiana,ME maine,"
    "MD maryland,MA massachusetts,MI michigan,MN minnesota,MS mississippi,MO missouri,MT montana,NE nebraska,NV nevada,"
    "NH new hampshire,NJ new jersey,NM new mexico,NY new york,NC north carolina,ND north dakota,OH ohio,OK oklahoma,"
    "OR oregon,PA pennsylvania,RI rhode island,SC south carolina,SD south dakota,TN tennessee,TX texas,UT utah,"
    "VT vermont,VA virginia,WA washington,WV west virginia,WI wisconsin,WY wyoming,DC district of columbia,"
    "DC washington dc,PR puerto rico,GU guam,VI virgin islands,AS american samoa,MP northern mariana islands",
    "CA": "AB alberta,BC british columbia,MB manitoba,NB new brunswick,NL newfoundland and labrador,NS nova scotia,"
    "NT northwest territories,NU nunavut,ON ontario,PE prince edward island,QC quebec,QC québec,SK saskatchewan,"
    "YT yukon",
}
_STATE_WORDS: Final = {
    name: code for states in _STATES.values() for code, _, name in (state.partition(" ") for state in states.split(","))
}
_LOCALE_TAIL = re.compile(r"[.@].*$")


def name(written: str | None) -> str | None:
    """Return a person's name as a text may write it, or None where what was written is none."""
    if written is None:
        return None
    if written.isascii() and written.isalpha() and len(written) <= LONGEST_NAME_CHARACTERS:
        return written  # most names
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", written.translate(_DOTS))).strip()
    if not 0 < len(text) <= LONGEST_NAME_CHARACTERS or not any(map(str.isalpha, text)):
        return None
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for character in text):
        return None
    plain = unicodedata.normalize("NFKC", text).translate(_DOTS)
    if _ADDRESS.search(plain) or _DIGITS.search(plain):
        return None
    return " ".join(text.split())


def country(written: str) -> str:
    """Return the ISO 3166-1 code of a country's usual spelling; an unknown one stays, in capitals where it is short."""
    text = " ".join(written.split())
    known = _COUNTRY_WORDS.get(text.casefold())
    return known or (text.upper() if len(text) <= len("GBR") else text)


def state(written: str) -> str:
    """Return a subdivision's code without its country: ``New York``, ``ny``, ``N.Y.`` and ``US-NY`` are ``NY``."""
    text = " ".join(written.split())
    plain = text.replace(".", "")
    if (known := _STATE_WORDS.get(plain.casefold())) is not None:
        return known
    code = re.fullmatch(r"(?:[A-Za-z]{2}-)?([A-Za-z0-9]{1,3})", plain)
    return code[1].upper() if code else text


def locale(written: str) -> str:
    """Return the BCP 47 spelling of a language: ``en_US.UTF-8`` is ``en-US``."""
    return _LOCALE_TAIL.sub("", written.strip()).replace("_", "-")
