"""The STOP instruction: which line to append, and whether a text has one already.

In doubt a text has none: a line too many costs a few characters, a missing one breaks the law (compliance
section 10; 47 CFR 64.1200 and FCC 24-24 for the United States, PECR reg. 22, CPCE L34-5, CASL s. 6).
"""

import functools
import re
import unicodedata
from collections.abc import Mapping
from importlib import resources

import yaml

_FILE = "stop-lines.yaml"
_FALLBACK_LANGUAGE = "en"

_KEYWORD = (
    r"(?:STOPP?|STOPALL|ARR[EÊ]T|ALTO|BAJA|SAIR|PARAR|BASTA|UNSUBSCRIBE|OPT-?OUT|СТОП|停止|退订|退訂)(?![\w&-]|\s*&)"
)
_QUOTE = r"[\"'“”„«»‘’*]"
_VERB = (
    r"(?i:\b(?:reply|text|txt|send|sms|respond|answer|type|responda?|respond[ea]|env[ií][aeo]|m[aá]nd[ae]|escrib[ae]"
    r"|envie|r[eé]ponde[zr]|r[eé]ponds|envoye[zr]|envoie|tape[zr]|antworten|antworte|sende[nt]?|schreiben?|rispond[ia]"
    r"|invi[ao]|scriv[ia]|antwoord|stuur|svara?|skicka|skriv|vastaa|l[aä]het[aä]|odpisz|wy[sś]lij|odpov[eě][zď]te"
    r"|po[sš]lete|r[aă]spunde[tț]i|trimite[tț]i|ответьте|отправьте|відповідьте|надішліть|balas|kirim)\b)"
)
_FILLER = (
    r"(?i:(?:us|back|with|the|word|keyword|message|sie|mit|das|wort|avec|le|mot|par|con|la|palabra|com|med|met)\b)"
)
_WAY_OUT = (
    r"(?:opt(?:ing)?[ -]?out|unsub\w*|end\b|quit\b|cancel\w*|stop\b|leave\b|d[eé]sinscri\w+|d[eé]sabonn\w+"
    r"|abmeld\w+|abbestell\w+|afmeld\w*|disiscri\w+|darse de baja|darte de baja|baja\b|sair\b|rezygn\w+)"
)

_INSTRUCTIONS = tuple(
    re.compile(pattern)
    for pattern in (
        # Reply STOP; text us the word "stop"; antworten Sie mit STOP
        rf"{_VERB}[\s:,]*(?:{_FILLER}[\s:,]*){{0,4}}(?:{_KEYWORD}|{_QUOTE}\s*(?i:{_KEYWORD}))",
        # STOP to end; STOP2END; STOP = cancel
        rf"(?<![\w-])STOP['\"”’»]?\s*(?:(?i:to)|2|=|→|>|:)\s*(?i:{_WAY_OUT})",
        # stop to opt out, stop = unsubscribe: in small letters only with words that leave no doubt
        r"(?i:(?<![\w-])stop['\"”’»]?\s*(?:to|2|=|:)\s*(?:opt[ -]?out|unsub))",
        # STOP au 36111; STOP to 36111; STOP pour vous désinscrire
        r"(?<![\w-])STOP\s+(?:(?:au|al|an|to|na|naar|para|til|till|til)\s+\+?\d{3,}|(?:pour|zum)\s+\w)",
        # Opt out: STOP; Abmelden mit STOP; Unsubscribe? STOP
        rf"(?i:\b{_WAY_OUT})\s*[:?=→>-]*\s*(?:(?i:mit|met|with|by|via|avec|con|com)\s+)?{_KEYWORD}",
        r"(?:回复|回覆|傳送|发送)\s*(?:STOP|TD|T|N|退订|退訂|取消)|STOP\s*(?:と返信|と送信|회신|전송)",
    )
)
_WORD = re.compile("stop|arr[eê]t|alto|baja|sair|parar|basta|unsub|opt-?out|стоп|停止|退[订訂]|[回发][复覆送]|傳送")
"""What each of these instructions holds, in small letters; nearly every text without one holds none of it."""
_OUT_AT_ADDRESS = re.compile(rf"(?i:\b{_WAY_OUT}\s*(?:here|at|:|=|→|>|-)+\s*https?://)")
"""Unsubscribe: https://…"""
_ADDRESS = re.compile(r"https?://\S")


def stop_line(locale: str, opt_out_at: str | None = None) -> str:
    """Return the line that tells a person how to end the texts.

    Args:
        locale: BCP 47; the language decides, an unknown one gets English.
        opt_out_at: where STOP goes when this text cannot be answered: a number, or the address of a page.
    """
    lines = _lines_of(locale)
    if opt_out_at is None:
        return lines["reply"]
    kind = "page" if "://" in opt_out_at else "number"
    return lines[kind].format(at=opt_out_at)


def has_stop_instruction(text: str, *, brand: str = "") -> bool:
    """Return whether a text already tells a person how to end the texts, in any language we write.

    Args:
        text: what would travel.
        brand: taken out of the text first, so that "Stop & Shop" is never read as an instruction.
    """
    folded = _spaced(text)
    small = folded.casefold()
    has_word, has_address = _WORD.search(small) is not None, _ADDRESS.search(small) is not None
    if (has_word and _stop_lines().search(folded)) or (has_address and _page_line_in(small)):
        return True
    if "stop" in brand.casefold():
        folded = re.sub(re.escape(_spaced(brand)), " ", folded, flags=re.IGNORECASE)
    if has_address and _OUT_AT_ADDRESS.search(folded):
        return True
    return has_word and any(pattern.search(folded) for pattern in _INSTRUCTIONS)


@functools.cache
def stop_lines() -> Mapping[str, Mapping[str, str]]:
    """Return the shipped lines by language or locale, in lower case."""
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    lines: dict[str, dict[str, str]] = yaml.safe_load(text)
    return lines


def _lines_of(locale: str) -> Mapping[str, str]:
    lines = stop_lines()
    wanted = _ALIASES.get(locale.replace("_", "-").casefold(), locale.replace("_", "-").casefold())
    language = wanted.split("-", maxsplit=1)[0]
    return lines.get(wanted) or lines.get(_ALIASES.get(language, language)) or lines[_FALLBACK_LANGUAGE]


_ALIASES = {"no": "nb", "nn": "nb", "zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-hant-tw": "zh-hant", "iw": "he"}
"""Other names of the same writing."""


@functools.cache
def _stop_lines() -> re.Pattern[str]:
    """Return what recognises every shipped line with STOP, whatever number stands for ``{at}``."""
    lines = [re.escape(line) for entry in stop_lines().values() for line in entry.values() if "STOP" in line]
    return re.compile("|".join(lines).replace(re.escape("{at}"), r"\+?\d[\d ]{2,}"), re.IGNORECASE)


def _page_line_in(small: str) -> bool:
    """Return whether a shipped line that names a page stands in a text of small letters."""
    return any(small.endswith(_page_openings(), 0, address.start()) for address in _ADDRESS.finditer(small))


@functools.cache
def _page_openings() -> tuple[str, ...]:
    """Return what stands before the address in each shipped line that names a page, in small letters."""
    lines = {line for entry in stop_lines().values() for line in entry.values() if "STOP" not in line}
    return tuple(sorted(line.partition("{at}")[0].casefold() for line in lines))


def _spaced(text: str) -> str:
    """Return the text composed, with every run of white space as one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())
