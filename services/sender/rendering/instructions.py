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
        # Unsubscribe: https://…
        rf"(?i:\b{_WAY_OUT}\s*(?:here|at|:|=|→|>|-)+\s*https?://)",
        r"(?:回复|回覆|傳送|发送)\s*(?:STOP|TD|T|N|退订|退訂|取消)|STOP\s*(?:と返信|と送信|회신|전송)",
    )
)


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
    if _shipped_line_in(folded):
        return True
    if "stop" in brand.casefold():
        folded = re.sub(re.escape(_spaced(brand)), " ", folded, flags=re.IGNORECASE)
    return any(pattern.search(folded) for pattern in _INSTRUCTIONS)


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


def _shipped_line_in(text: str) -> bool:
    """Return whether a shipped line stands in the text; looks only for lines whose fixed word is there at all."""
    with_stop, with_page = _shipped_patterns()
    small = text.casefold()
    return bool(("stop" in small and with_stop.search(text)) or ("://" in small and with_page.search(text)))


@functools.cache
def _shipped_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what recognises every shipped line, whatever stands for ``{at}``: those with STOP, those with a page."""
    lines = [line for entry in stop_lines().values() for line in entry.values()]
    with_stop = [_any_place(line, r"\+?\d[\d ]{2,}") for line in lines if "STOP" in line]
    with_page = [_any_place(line, r"https?://\S") for line in lines if "STOP" not in line]
    return re.compile("|".join(with_stop), re.IGNORECASE), re.compile("|".join(with_page), re.IGNORECASE)


def _any_place(line: str, place: str) -> str:
    return re.escape(line).replace(re.escape("{at}"), place)


def _spaced(text: str) -> str:
    """Return the text composed, with every run of white space as one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())
