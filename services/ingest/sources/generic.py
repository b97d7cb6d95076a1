"""Followup's own format: one event of `POST /v1/events`, or of a Standard Webhooks delivery.

    {"id": "evt-1", "kind": "purchase", "occurred_at": "2026-11-30T20:00:00Z", "subject": "order-1001", "test": false,
     "recipient": {"phone": "+12125550123", "first_name": "Ana", "country": "US", "state": "NY"},
     "amount": {"minor": 4900, "currency": "USD"},
     "consent": [{"scope": "marketing", "event": "granted", "level": "pewc", "captured_at": "2026-11-30T19:59:00Z",
                  "method": "checkout", "disclosure": "the text shown", "source": "https://acme.example/checkout"}],
     "facts": {"order_name": "#1001"}}

Source: formats, `POST /v1/events`.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core import ErrorDetails, PydanticCustomError

from services.ingest.domain.parsed_deliveries import (
    ConsentClaim,
    Identifier,
    ParsedDelivery,
    ShopSettings,
    TriggerDraft,
)
from services.ingest.sources.json_object import InvalidField
from shared import normalize, phone, zone_countries
from shared.config.problem import did_you_mean
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope
from shared.events.trigger import MOST_MINOR, Contact, PhoneProvenance, TriggerKind
from shared.fact_limits import bounded_facts
from shared.instants import Instant, undated_where_withdrawn

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a sender's clock may run ahead of ours; a consent from the future would outrank a later withdrawal."""
_KINDS = frozenset(kind.value for kind in TriggerKind)
_CUSTOM_KIND = re.compile(r"custom\.[a-z0-9][a-z0-9_.-]{0,63}")


def _kind(word: str) -> str:
    if word in _KINDS or _CUSTOM_KIND.fullmatch(word):
        return word
    hint = did_you_mean(word, TriggerKind)
    raise PydanticCustomError("unknown_kind", "unknown kind; {hint} or write custom.<name>", {"hint": hint})


def _zone(name: str) -> str:
    if zone_countries.zone_named(name) is None:
        raise PydanticCustomError("unknown_zone", "not an IANA time zone, such as America/New_York")
    return name


Name = Annotated[str, Field(min_length=1, max_length=200)]
Flag = Annotated[bool, Field(strict=True)]


def _read_as(spelling: Callable[[str], str]) -> BeforeValidator:
    """Return a validator that normalizes a string; other types and long strings are left for validation to refuse."""
    return BeforeValidator(
        lambda value: (
            spelling(value) if isinstance(value, str) and len(value) <= _LONGEST_SPELLING_CHARACTERS else value
        )
    )


PersonName = Annotated[Annotated[str, Field(max_length=1000)] | None, AfterValidator(normalize.name)]
_LONGEST_SPELLING_CHARACTERS = 64
_country, _state, _locale = map(_read_as, (normalize.country, normalize.state, normalize.locale))


def _blank_as_absent(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _null_as_unknown(value: object) -> object:
    """Return the level of a consent whose level is null, as a withdrawal's is."""
    return ConsentLevel.UNKNOWN if value is None else value


class _Body(BaseModel):
    """A part of the request."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class RecipientBody(_Body):
    """The person the event concerns; unknown fields stay unknown, they are never guessed."""

    phone: Annotated[Annotated[str, Field(max_length=64)] | None, BeforeValidator(_blank_as_absent)] = None
    first_name: PersonName = None
    last_name: PersonName = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$"), _locale] | None = None
    country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$"), _country] | None = None
    state: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,3}$"), _state] | None = None
    postal_code: Annotated[str, Field(max_length=16)] | None = None
    time_zone: Annotated[Name, AfterValidator(_zone)] | None = None

    @property
    def place_zone(self) -> str | None:
        """The time zone if it names a place; UTC and fixed offsets say nothing about where a person is."""
        return self.time_zone if self.time_zone and zone_countries.is_place(self.time_zone) else None


class AmountBody(_Body):
    """Money in minor units."""

    minor: Annotated[int, Field(strict=True, ge=0, le=MOST_MINOR)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class EventConsentBody(_Body):
    """A consent given or withdrawn with the event."""

    scope: ConsentScope
    event: ConsentAct
    level: Annotated[ConsentLevel, BeforeValidator(_null_as_unknown)] = ConsentLevel.UNKNOWN
    captured_at: Annotated[Instant | None, WrapValidator(undated_where_withdrawn)] = None
    method: Name = "api"
    disclosure: Annotated[str, Field(max_length=20_000)] | None = None
    source: Annotated[str, Field(min_length=1, max_length=2000)] = "api"


class EventBody(_Body):
    """Something that happened at the shop."""

    id: Name
    kind: Annotated[Name, AfterValidator(_kind)]
    occurred_at: Instant | None = None
    """Absent: when it was received."""
    subject: Name | None = None
    customer: Name | None = None
    test: Flag = False
    recipient: RecipientBody = RecipientBody()
    amount: AmountBody | None = None
    consent: Annotated[tuple[EventConsentBody, ...], Field(max_length=20)] = ()
    facts: Annotated[dict[str, Any], AfterValidator(bounded_facts)] = Field(default_factory=dict)


_PARTS: dict[str, type[_Body]] = {"recipient": RecipientBody, "amount": AmountBody, "consent": EventConsentBody}


def findings_in(document: object) -> list[InvalidField]:
    """Return everything that is wrong with an event's form; nothing if `EventBody` accepts it."""
    try:
        EventBody.model_validate(document)
    except ValidationError as problem:
        return [_finding(error) for error in problem.errors(include_url=False, include_input=False)]
    return []


def read_event(document: object, shop: ShopSettings, received_at: datetime) -> tuple[EventBody, ParsedDelivery]:
    """Return the event and its content.

    Raises:
        InvalidField: the form is wrong, the number cannot be used, or an instant is in the future; names the field.
    """
    try:
        event = EventBody.model_validate(document)
    except ValidationError as problem:
        raise _finding(problem.errors(include_url=False, include_input=False)[0]) from None
    latest = received_at + CLOCK_TOLERANCE
    if event.occurred_at is not None and event.occurred_at > latest:
        raise InvalidField("occurred_at", "is in the future")
    return event, parse_event(event, shop, received_at)


def parse_event(event: EventBody, shop: ShopSettings, received_at: datetime) -> ParsedDelivery:
    """Return the content of an event.

    Raises:
        InvalidField: its number cannot be used, or a consent is dated in the future.
    """
    latest = received_at + CLOCK_TOLERANCE
    occurred_at = event.occurred_at or received_at
    identifiers = (("subject", event.subject), ("customer", event.customer))
    trigger = TriggerDraft(
        kind=event.kind,
        key=event.id,
        occurred_at=occurred_at,
        subject=event.subject,
        amount_minor=event.amount.minor if event.amount else None,
        currency=event.amount.currency if event.amount else None,
        is_test=event.test,
        facts=event.facts,
    )
    return ParsedDelivery(
        contact=_contact(event.recipient, shop),
        customer=event.customer,
        identifiers=tuple(Identifier(kind, name) for kind, name in identifiers if name is not None),
        triggers=(trigger,),
        claims=tuple(_claims(event, occurred_at, latest)),
        unknown=("recipient.time_zone",) if event.recipient.time_zone and not event.recipient.place_zone else (),
    )


def _contact(recipient: RecipientBody, shop: ShopSettings) -> Contact | None:
    if recipient.phone is None:
        return None
    number = phone.parse(recipient.phone, recipient.country or shop.country)
    if isinstance(number, phone.Unparsable):
        raise InvalidField("recipient.phone", number.reason)
    return Contact(
        phone=number,
        provenance=PhoneProvenance.API,
        first_name=recipient.first_name,
        last_name=recipient.last_name,
        locale=recipient.locale,
        country=recipient.country,
        state=recipient.state,
        postal_code=recipient.postal_code,
        time_zone=recipient.place_zone,
    )


def _claims(event: EventBody, occurred_at: datetime, latest: datetime) -> Iterable[ConsentClaim]:
    for position, consent in enumerate(event.consent):
        # An opt-out is never refused for its date: the ledger counts one that is dated in the future from now on.
        is_ahead = consent.captured_at is not None and consent.captured_at > latest
        if is_ahead and consent.event is not ConsentAct.REVOKED:
            raise InvalidField(f"consent.{position}.captured_at", "is in the future")
        shown = consent.disclosure
        yield ConsentClaim(
            scope=consent.scope,
            act=consent.event,
            level=consent.level,
            captured_at=consent.captured_at,
            reported_at=occurred_at,
            method=consent.method,
            source=consent.source,
            evidence={"disclosure": shown} if shown is not None else {},
            key=event.id,
        )


def _finding(error: ErrorDetails) -> InvalidField:
    """Return a validation error as a field and a reason that never repeats what was sent."""
    where = [str(part) for part in error["loc"]]
    field = ".".join(where) or "body"
    match error["type"]:
        case "extra_forbidden":
            model = _PARTS.get(where[0], EventBody) if len(where) > 1 else EventBody
            return InvalidField(field, f"unknown field; {did_you_mean(where[-1], model.model_fields)}")
        case "missing":
            return InvalidField(field, "is missing")
        case "timezone_aware":
            return InvalidField(field, "must have an offset from UTC")
        case _:
            return InvalidField(field, error["msg"][:1].lower() + error["msg"][1:])
