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

from shared.templates.limits import FILLED_IN

_FILE = "stop-lines.yaml"
_FALLBACK_LANGUAGE = "en"

_OTHER_AIM = (
    r"(?!\s+(?:(?i:sign|signs|by|in|at(?!\s+any)|light|lights)\b|(?i:to|2)\s+(?i:win|get|enter|join|vote|play|claim|save|see|shop"
    r"|start|buy|learn)\b|(?i:and|&)\s+(?i:get|win|save|shop|see|smell)\b|(?i:for)\s+(?i:a|an|your|our|the)\b))"
)
"""What follows the word if it is a street sign, or the keyword of a raffle."""
_END = r"(?![\w&-]|\s*&)"
_KEYWORD = rf"(?:STOPP?|STOPALL|ARR[EÊ]T|UNSUBSCRIBE|OPT-?OUT|СТОП|停止|退订|退訂){_END}{_OTHER_AIM}"
_LOCAL_KEYWORD = rf"(?:ALTO|BAJA|SAIR|PARAR|BASTA){_END}{_OTHER_AIM}"
"""Words that mean stop to those who write the verb before them in the same language, and are names to others."""
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
_LOCAL_VERB = (
    r"(?i:\b(?:responda?|respond[ea]|env[ií][aeo]|m[aá]nd[ae]|escrib[ae]|envie|rispond[ia]|invi[ao]|scriv[ia])\b)"
)
_WAY_OUT = (
    r"(?:opt(?:ing)?[ -]?out|unsub\w*|d[eé]sinscri\w+|d[eé]sabonn\w+|abmeld\w+|abbestell\w+|afmeld\w*|disiscri\w+"
    r"|darse de baja|darte de baja|rezygn\w+)"
)
"""Words that mean leaving a list and nothing else."""
_BEGINS = r"(?:^|[\n.!?,;:|(/·•-]\s*|[\"'“”„«»‘’*])"
"""The word begins a sentence, so that it is not a bus stop."""
_ENDS = r"(?=\s*(?:$|[\n.,;!|)/]|(?i:texts?|messages?|msgs?|alerts?|sms|help|info)\b))"

_INSTRUCTIONS = tuple(
    re.compile(pattern)
    for pattern in (
        # Reply STOP; text us the word "stop"; antworten Sie mit STOP
        rf"{_VERB}[\s:,]*(?:{_FILLER}[\s:,]*){{0,4}}(?:{_KEYWORD}|{_QUOTE}\s*(?i:{_KEYWORD}))",
        rf"{_LOCAL_VERB}[\s:,]*(?:{_FILLER}[\s:,]*){{0,4}}{_LOCAL_KEYWORD}",
        # STOP to opt out; STOP = unsubscribe; stop to opt out: in lower case only with unambiguous words
        rf"(?<![\w-])(?:STOP|stop)['\"”’»]?\s*(?:(?i:to)|2|=|→|>|:)\s*(?i:{_WAY_OUT})",
        # STOP to end; STOP2END: only if it begins a sentence, and nothing follows
        rf"{_BEGINS}STOP['\"”’»]?\s*(?:(?i:to)|2|=|→|>)\s*(?i:end|quit|cancel|stop|leave)\b{_ENDS}",
        # STOP au 36111; STOP to 36111: likewise
        rf"{_BEGINS}STOP\s+(?:au|al|an|to|na|naar|para|til|till)\s+\+?\d[\d ]{{2,}}{_ENDS}",
        # STOP pour vous désinscrire; STOP zum Abmelden
        r"(?<![\w-])STOP\s+pour\s+(?:vous\s+|te\s+|se\s+|me\s+)?(?i:d[eé]s(?:inscr|abonn)|ne\s+plus\s+recevoir)",
        r"(?<![\w-])STOP\s+zum\s+(?i:abmelden|abbestellen|beenden)",
        # Opt out: STOP; Abmelden mit STOP; Unsubscribe? STOP
        rf"(?i:\b{_WAY_OUT})\s*[:?=→>-]*\s*(?:(?i:mit|met|with|by|via|avec|con|com)\s+)?{_KEYWORD}",
        r"(?:回复|回覆|傳送|发送)\s*(?:STOP|TD|T|N|退订|退訂|取消)|STOP\s*(?:と返信|と送信|회신|전송)",
    )
)
_WORD = re.compile("stop|arr[eê]t|alto|baja|sair|parar|basta|unsub|opt-?out|стоп|停止|退[订訂]|[回发][复覆送]|傳送")
"""What each of these instructions holds, in small letters; nearly every text without one holds none of it."""
_STEMS = (
    *("stop", "arret", "alto", "baja", "sair", "parar", "basta", "unsub", "opt"),
    *("sinscri", "sabonn", "abmeld", "abbestell", "afmeld", "disiscri", "rezygn"),
)
"""A part of each `_WORD` and `_WAY_OUT` that ASCII can write: a text of ASCII without any of these has neither."""
_OUT_AT_ADDRESS = re.compile(rf"(?i:\b{_WAY_OUT}\s*(?:here|at|:|=|→|>|-)+\s*(?:https?://|{FILLED_IN}))")
"""Unsubscribe: https://…"""
_ADDRESS = re.compile(rf"https?://\S|{FILLED_IN}")


def stop_line(locale: str, opt_out_at: str | None = None) -> str:
    """Return the line that tells a person how to end the texts, in the language of a locale (BCP 47), else in English.

    `opt_out_at` is where STOP goes if this text cannot be answered: a number, or the address of a page.
    """
    lines = _lines_of(locale)
    if opt_out_at is None:
        return lines["reply"]
    kind = "page" if "://" in opt_out_at else "number"
    return lines[kind].format(at=opt_out_at)


def has_stop_instruction(text: str, *, brand: str = "") -> bool:
    """Return whether a text already tells a person how to end the texts, in any supported language.

    Args:
        text: the shop's own words; values filled in for a person or an order are not the shop's instruction.
        brand: taken out of the text first, so that "Stop & Shop" is never read as an instruction.
    """
    if text.isascii() and not any(map(text.lower().__contains__, _STEMS)):  # a tenth of what the patterns cost
        return False
    folded = "\n".join(_spaced(line) for line in text.splitlines())
    small = folded.casefold()
    has_word, has_address = _WORD.search(small) is not None, _ADDRESS.search(small) is not None
    if has_word and _stop_lines().search(folded):
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
    """Return what recognises every shipped line with STOP, whatever number replaces ``{at}``."""
    lines = [re.escape(line) for entry in stop_lines().values() for line in entry.values() if "STOP" in line]
    return re.compile("|".join(lines).replace(re.escape("{at}"), r"\+?\d[\d ]{2,}"), re.IGNORECASE)


def _spaced(text: str) -> str:
    """Return the text composed, with every run of white space as one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())
