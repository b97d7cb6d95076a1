"""Whether the words beside a tick box can make written consent, as far as words show."""

import re
from collections.abc import Iterator

from shared.config.merchant import ConsentStrength, MerchantConfig, SourceSettings
from shared.config.problem import Problem
from shared.config.strict_yaml import Document, Path

_CITE = "47 CFR 64.1200(f)(9)"
_HEEDED = frozenset({"shopify"})
"""Sources whose box a merchant file describes; the others send level and wording with each consent."""
_ENGLISH = (
    (r"automat|auto-?dial", "by automated means", "say that the texts are automated"),
    (
        r"not (a |be a |required as a )?condition|(isn.t|without being) a condition",
        "that consent is no condition of purchase",
        "add 'Consent is not a condition of purchase.'",
    ),
    (r"text|sms|messag", "to texts", "say that the person agrees to texts"),
    (r"market|promot|offer|advert", "to marketing", "say that the texts are marketing"),
)
"""What an English wording must contain; other languages need a lawyer."""


def disclosure_problems(config: MerchantConfig, document: Document) -> Iterator[Problem]:
    """Return what the words beside a source's tick box lack, or why they are not used.

    These are warnings: a wording without any is not therefore written consent.

    Source: compliance section 4.1; 47 CFR 64.1200(f)(9).
    """
    for name, source in config.sources.items():
        path: Path = ("sources", name, "consent_level")
        if source.consent_level is not ConsentStrength.PEWC:
            continue
        if name not in _HEEDED:
            message = f"'consent_level' has no effect for '{name}': its consents carry their own level and wording"
            yield document.warning(path, message, "send 'level: pewc' and 'disclosure' with each consent")
            continue
        if source.disclosure_since is None:
            message = "ticks from before the box showed these words count as written consent too"
            fix = "add 'disclosure_since: 2026-01-31T00:00:00Z', the moment from which the box has shown them"
            yield document.warning(path, message, fix)
        yield from _lacking(config, source, document, ("sources", name, "disclosure"))


def _lacking(config: MerchantConfig, source: SourceSettings, document: Document, path: Path) -> Iterator[Problem]:
    words = (source.disclosure or "").casefold()
    if config.brand.casefold() not in words:
        message = f"written consent names the seller, and these words do not say '{config.brand}' ({_CITE})"
        yield document.warning(path, message, "name the brand in the wording")
    if not config.locale.casefold().startswith("en"):
        return
    for pattern, duty, fix in _ENGLISH:
        if re.search(pattern, words) is None:
            yield document.warning(path, f"these words do not say {duty}, as written consent must ({_CITE})", fix)
