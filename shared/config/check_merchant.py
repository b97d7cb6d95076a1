"""What a merchant file can get wrong beyond its schema, by itself and beside the other merchants."""

import re
from collections.abc import Iterable, Iterator, Mapping

from shared.config.merchant import (
    ConsentStrength,
    MerchantConfig,
    Number,
    NumberKind,
    Registration,
    SourceSettings,
)
from shared.config.problem import Problem, did_you_mean
from shared.config.reader import MerchantFiles
from shared.config.strict_yaml import Document, Path
from shared.config.vocabulary import PROVIDERS_BUILT, SCOPES, SOURCES, SOURCES_BUILT
from shared.errors import ConfigurationFault

_REGISTERED = {Registration.REGISTERED, Registration.NOT_NEEDED}
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
_DAY_HOURS = 24
_MOST_MARKETING_A_DAY = 3


def merchant_problems(reading: MerchantFiles) -> list[Problem]:
    """Return everything wrong with a merchant that its schema cannot find."""
    if reading.config is None or reading.document is None:
        return []
    found = {
        *_identity(reading.config, reading.document, reading.folder.name),
        *_senders(reading.config, reading.document),
        *_destinations(reading.config, reading.document),
        *_keys(reading.config, reading.document),
        *_policies(reading.config, reading.document),
        *_blackouts(reading.config, reading.document),
        *_disclosures(reading.config, reading.document),
        *_endpoints(reading.config, reading.document),
        *_flow_names(reading),
    }
    return sorted(found)


def secret_problems(reading: MerchantFiles, environ: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each secret that cannot be read here; none shows a secret."""
    if reading.config is None or reading.document is None:
        return []
    found = []
    for path, secret in reading.config.secrets():
        try:
            secret.resolve(environ)
        except ConfigurationFault as fault:
            message, _, fix = fault.detail.partition("; ")
            found.append(reading.document.error(path, message, fix))
    return found


def claim_problems(readings: Iterable[MerchantFiles]) -> list[Problem]:
    """Return a problem for each number or API key that an earlier merchant already has."""
    owners: dict[str, MerchantFiles] = {}
    found = []
    for reading in readings:
        for path, claim, what in claims(reading):
            owner = owners.setdefault(claim, reading)
            if owner is not reading and reading.document:
                found.append(
                    reading.document.error(
                        path,
                        f"{what} belongs to the merchant in {owner.merchant_file} as well",
                        "one sender number and one key belong to one merchant: remove it from one of them",
                    )
                )
    return found


def claims(reading: MerchantFiles) -> Iterator[tuple[Path, str, str]]:
    """Return what must belong to one merchant alone: its path in the file, its key, and its name in messages."""
    if reading.config is not None:
        for at, number in enumerate(reading.config.numbers):
            if number.kind is not NumberKind.ALPHANUMERIC:
                yield ("numbers", at, "number"), f"number {number.number}", "this sender number"
        for at, key in enumerate(reading.config.api_keys):
            yield ("api_keys", at, "sha256"), f"key {key.sha256}", f"the key '{key.id}'"


def _identity(config: MerchantConfig, document: Document, folder: str) -> Iterator[Problem]:
    if config.merchant != folder:
        message = f"the merchant is named '{config.merchant}' but its folder '{folder}'"
        yield document.error(("merchant",), message, "give both the same name")
    if config.contact is None:
        message = "the answer to HELP has no contact to name"
        yield document.warning(("brand",), message, "add 'contact: …', a phone number, mail address or page")
    for name in config.sources:
        if name not in SOURCES:
            yield document.warning(("sources", name), f"no source is called '{name}'", did_you_mean(name, SOURCES))
        elif name not in SOURCES_BUILT:
            message = f"this version does not read deliveries of '{name}' yet: they are answered 401"
            fix = f"send its events to POST /v1/events, or use one of {', '.join(sorted(SOURCES_BUILT))}"
            yield document.warning(("sources", name), message, fix)


def _destinations(config: MerchantConfig, document: Document) -> Iterator[Problem]:
    if not config.destinations():
        message = "no text may go anywhere: neither the shop nor its numbers have a country"
        yield document.warning(("merchant",), message, "add 'country: US', or 'policies: {destinations: [US]}'")


def _keys(config: MerchantConfig, document: Document) -> Iterator[Problem]:
    for at, key in enumerate(config.api_keys):
        for place, scope in enumerate(key.scopes):
            if scope not in SCOPES:
                message = f"no scope is called '{scope}', so the key '{key.id}' may do less than intended"
                fix = did_you_mean(scope, SCOPES)
                yield document.error(("api_keys", at, "scopes", place), message, fix)


def _senders(config: MerchantConfig, document: Document) -> Iterator[Problem]:
    if not config.numbers:
        yield document.warning(("merchant",), "there is no sender number", "add one under 'numbers:'")
    for at, number in enumerate(config.numbers):
        path: Path = ("numbers", at)
        if number.provider not in config.providers:
            fix = did_you_mean(number.provider, config.providers) or "add it under 'providers:'"
            yield document.error((*path, "provider"), f"unknown provider '{number.provider}'", fix)
        elif (kind := config.providers[number.provider].kind) not in PROVIDERS_BUILT:
            message = f"this version does not send through '{kind}' yet"
            fix = f"use a provider of one of these kinds: {', '.join(sorted(PROVIDERS_BUILT))}"
            yield document.error((*path, "provider"), message, fix)
        elif kind != "simulated":
            yield from _registration(number, document, path)


def _registration(number: Number, document: Document, path: Path) -> Iterator[Problem]:
    """Warn of senders that carriers in the United States and Canada block.

    Source: compliance section 6 (10DLC since 2023-09-01, toll-free since 2024-01-31; names do not work there).
    """
    if not number.number.startswith("+1") or number.registration in _REGISTERED:
        return
    if number.kind is NumberKind.LONG_CODE:
        message = "this long code is not registered: carriers block its texts to the United States"
        yield document.warning(path, message, "register it for A2P 10DLC and write 'registration: registered'")
    elif number.kind is NumberKind.TOLL_FREE:
        message = "this toll-free number is not verified: carriers block its texts"
        yield document.warning(path, message, "have it verified and write 'registration: registered'")


def _policies(config: MerchantConfig, document: Document) -> Iterator[Problem]:
    caps = config.policies.caps.marketing
    if not any(cap.max <= _MOST_MARKETING_A_DAY and cap.per_hours >= _DAY_HOURS for cap in caps):
        message = "the marketing caps allow more than 3 texts in 24 hours, the most that FL, MD, OK and OR allow"
        yield document.warning(("policies", "caps", "marketing"), message, "add {max: 3, per_hours: 24}")


def _blackouts(config: MerchantConfig, document: Document) -> Iterator[Problem]:
    if config.blackouts and "time_zone" not in config.model_fields_set:
        message = "these days begin and end at midnight UTC, since the shop has no time zone"
        yield document.warning(("blackouts",), message, "add 'time_zone: …', such as America/New_York")


def _endpoints(config: MerchantConfig, document: Document) -> Iterator[Problem]:
    for at, endpoint in enumerate(config.notify.webhooks):
        if endpoint.url.startswith("http:"):
            message = f"what '{endpoint.name}' is told is not encrypted, and only the operator's own networks allow it"
            yield document.warning(("notify", "webhooks", at, "url"), message, "write https://…")


def _disclosures(config: MerchantConfig, document: Document) -> Iterator[Problem]:
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


def _flow_names(reading: MerchantFiles) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for read in reading.flows:
        name = read.flow.flow
        if name in first:
            message = f"the flow '{name}' is already in {first[name]}"
            yield read.document.error(("flow",), message, "give one of them another name")
        first.setdefault(name, read.document.file)
