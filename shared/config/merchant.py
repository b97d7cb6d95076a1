"""merchant.yaml: who the merchant is, where events come from, which numbers send, and under which policies."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from shared import phone
from shared.config import blackouts
from shared.config.approvals import Approvals
from shared.config.blackouts import MOST_BLACKOUTS, Blackout
from shared.config.limits import Limits
from shared.config.model import SCOPE, Country, FileModel, HTTPAddress, Locale, Slug, Subdivision, Whole, Word
from shared.config.notify import NotifySettings
from shared.config.providers import ProviderSettings
from shared.config.secret import Secret
from shared.events.follow_up import Purpose
from shared.instants import Written
from shared.vocabulary.profiles import Profile
from shared.zone_countries import zone_named

PEWC_DEMANDS = (
    "'consent_level: pewc' needs 'disclosure: …', the exact words beside the box: that the person agrees to marketing"
    " texts from you, named, sent by automated means to the number they give, and that this is not a condition of"
    " purchase (47 CFR 64.1200(f)(9))"
)


class StopScope(StrEnum):
    """What STOP ends (compliance section 4.2)."""

    ALL = "all"
    MARKETING_ONLY = "marketing_only"


class NumberKind(StrEnum):
    """What kind of sender a number is; decides rate, registration and where it works."""

    LONG_CODE = "long_code"
    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


class Registration(StrEnum):
    """Whether this sender is registered with carriers (compliance section 6: 10DLC, toll-free verification)."""

    REGISTERED = "registered"
    PENDING = "pending"
    UNREGISTERED = "unregistered"
    NOT_NEEDED = "not_needed"


class KeywordAnswers(StrEnum):
    """Who answers STOP, START and HELP on a number; only one of the two may (compliance section 6)."""

    PROVIDER = "provider"
    APP = "app"


class ConsentStrength(StrEnum):
    """How strong a consent given at a source's own tick box is."""

    EXPRESS = "express"
    PEWC = "pewc"
    """Prior express written consent; only certain wordings make it (47 CFR 64.1200(f)(9))."""


class LinkSettings(FileModel):
    """The domain of short links: the merchant's own, never a public shortener."""

    base_url: HTTPAddress


class SourceSettings(FileModel):
    """One source of events; any of the secrets verifies a delivery, so that they can be rotated."""

    secrets: Annotated[tuple[Secret, ...], Field(min_length=1)]
    shop: Annotated[str, Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")] | None = None
    """The shop's domain; deliveries from another one are refused."""
    consent_field: Word | None = None
    """The name of the field that holds a shop's own tick box for texts, where the platform has none."""
    public_url: HTTPAddress | None = None
    """The address the source calls, if its signature covers it."""
    consent_level: ConsentStrength = ConsentStrength.EXPRESS
    """How strong a tick of the shop's box for texts is: `pewc` says that the box shows the words in `disclosure`."""
    disclosure: Annotated[str, Field(min_length=20, max_length=10_000)] | None = None
    """The exact wording beside the box; stored, hashed, with each consent given there."""
    disclosure_since: Written | None = None
    """When the box began to show it: earlier ticks are express consent."""

    @model_validator(mode="after")
    def _shows_what_it_claims(self) -> "SourceSettings":
        if self.consent_level is ConsentStrength.PEWC and not self.disclosure:
            raise PydanticCustomError("no_disclosure", PEWC_DEMANDS)
        return self


class Number(FileModel):
    """One sender number and what it may do."""

    number: Word
    """E.164; digits for a short code, up to 11 letters and digits for a name."""
    provider: Slug
    kind: NumberKind
    parts_per_second: Annotated[float, Field(gt=0, le=1000)] = 1.0
    registration: Registration = Registration.UNREGISTERED
    answers_keywords: KeywordAnswers = KeywordAnswers.APP
    country: Country | None = None
    """Where a short code or name is used; other numbers carry it."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Number":
        match self.kind:
            case NumberKind.LONG_CODE | NumberKind.TOLL_FREE:
                parsed = phone.parse(self.number, None)
                if isinstance(parsed, phone.Unparsable):
                    raise PydanticCustomError("unusable_number", "the number cannot be used: " + parsed.reason)
                if parsed != self.number:
                    raise ValueError("write the number as +, country code and digits, without spaces")
            case NumberKind.SHORT_CODE:
                if not (self.number.isascii() and self.number.isdigit() and len(self.number) in range(3, 9)):
                    raise ValueError("a short code is 3 to 8 digits, in quotes")
            case NumberKind.ALPHANUMERIC:
                if not (self.number.isascii() and self.number.replace(" ", "").isalnum() and len(self.number) <= 11):  # noqa: PLR2004 - GSM 03.40's limit
                    raise ValueError("a sender name is at most 11 letters, digits and spaces")
        return self


class CapSetting(FileModel):
    """At most `max` texts in any `per_hours` rolling hours."""

    max: Annotated[Whole, Field(ge=0)]
    per_hours: Annotated[Whole, Field(ge=1, le=24 * 366)]


class Caps(FileModel):
    """Frequency caps by purpose; an empty list means none (compliance section 9)."""

    marketing: tuple[CapSetting, ...] = (CapSetting(max=3, per_hours=24),)
    informational: tuple[CapSetting, ...] = ()


class Attribution(FileModel):
    """How long a purchase is credited to a text."""

    click_days: Annotated[Whole, Field(ge=0, le=90)] = 5
    delivered_hours: Annotated[Whole, Field(ge=0, le=24 * 30)] = 24


class Policies(FileModel):
    """The merchant's own choices within the law."""

    profile: Profile = Profile.STRICT
    close_guard_seconds: Annotated[Whole, Field(ge=60, le=4 * 3600)] = 60
    """How long before a window closes the last text leaves; at least 60 s in service (design section 9)."""
    scope_on_stop: StopScope = StopScope.ALL
    caps: Caps = Caps()
    attribution: Attribution = Attribution()
    max_defer_hours: Annotated[Whole, Field(ge=1, le=24 * 60)] = 168
    """How long the gate may defer a text before it is blocked as expired."""
    emergency_blocks: tuple[Subdivision, ...] = ()
    """Places in a declared emergency that bars solicitation, such as US-LA (compliance section 5)."""
    destinations: Annotated[tuple[Country, ...], Field(max_length=250)] = ()
    """Countries texts may go to besides the merchant's own and those of its numbers; no text goes anywhere else."""
    limits: Limits = Limits()
    """Bounds on texts to new people, and on what a day's texts cost."""
    allow_above_statutory: tuple[Subdivision | Country, ...] = ()
    """Places where caps above the statutory ones are the merchant's explicit choice (compliance section 9)."""


class KeyQuotas(FileModel):
    """What one key may send in; never more than its merchant."""

    events_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Events, consents, rows of an import and requested follow-ups, counted one by one."""
    bytes_per_second: Annotated[Whole, Field(gt=0, le=10_000_000_000)] | None = None
    """Of their requests' bodies."""


class MerchantQuotas(KeyQuotas):
    """What one merchant may send in, and how much of it may be pending or parked at once."""

    pending_follow_ups: Annotated[Whole, Field(ge=0)] | None = None
    """Follow-ups that are planned or released and have not ended."""
    parked_events: Annotated[Whole, Field(ge=0)] | None = None
    """Events parked in one service because they, or earlier ones of the same person, could not be handled."""


class APIKey(FileModel):
    """A key of the merchant's own systems, known by its hash only."""

    id: Slug
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Annotated[str, Field(pattern=SCOPE)], ...], Field(min_length=1)]
    quotas: KeyQuotas = KeyQuotas()
    """Below the merchant's own: for a key that is used in a form or an app."""


MOST_TEST_RECIPIENTS = 20


class MerchantConfig(FileModel):
    """One merchant.yaml."""

    merchant: Slug
    brand: Word
    locale: Locale = "en"
    country: Country | None = None
    """Region for phone numbers written without a prefix; never decides quiet hours."""
    time_zone: Word = "UTC"
    """For reports and blackouts; never decides quiet hours."""
    contact: Word | None = None
    """What the answer to HELP names: a phone number, mail address or page."""
    terms_url: HTTPAddress | None = None
    privacy_url: HTTPAddress | None = None
    links: LinkSettings | None = None
    sources: dict[Slug, SourceSettings] = Field(default_factory=dict)
    providers: dict[Slug, ProviderSettings] = Field(default_factory=dict)
    numbers: tuple[Number, ...] = ()
    policies: Policies = Policies()
    blackouts: tuple[Blackout, ...] = ()
    """Days on which texts wait, in `time_zone`."""
    test_recipients: tuple[phone.E164, ...] = ()
    """The shop's own phones: test texts go to these alone, and no figure counts them."""
    approvals: Approvals = Approvals()
    """What takes a second person's yes."""
    quotas: MerchantQuotas = MerchantQuotas()
    notify: NotifySettings = NotifySettings()
    """Where the merchant is told of replies and of what needs somebody."""
    api_keys: tuple[APIKey, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        if zone_named(name) is None:
            raise ValueError("not an IANA time zone, such as America/New_York")
        return name

    @field_validator("blackouts")
    @classmethod
    def _not_too_many(cls, listed: tuple[Blackout, ...]) -> tuple[Blackout, ...]:
        if len(listed) > MOST_BLACKOUTS:
            raise ValueError(f"there are more than {MOST_BLACKOUTS}: remove those that are over")
        return listed

    @field_validator("test_recipients", mode="before")
    @classmethod
    def _are_phones(cls, listed: Any) -> Any:
        if not isinstance(listed, list):
            return listed
        if len(listed) > MOST_TEST_RECIPIENTS:
            raise ValueError(f"there are more than {MOST_TEST_RECIPIENTS}: list the phones of those who write texts")
        return [_phone_for_tests(each) for each in listed]

    @field_validator("numbers")
    @classmethod
    def _no_number_twice(cls, numbers: tuple[Number, ...]) -> tuple[Number, ...]:
        if len({number.number for number in numbers}) < len(numbers):
            raise ValueError("a number is twice in this list")
        return numbers

    @field_validator("api_keys")
    @classmethod
    def _no_key_twice(cls, keys: tuple[APIKey, ...]) -> tuple[APIKey, ...]:
        if len({key.id for key in keys}) < len(keys) or len({key.sha256 for key in keys}) < len(keys):
            raise ValueError("a key's id or hash is twice in this list")
        return keys

    def blackout_at(self, purpose: Purpose, at: datetime) -> Blackout | None:
        """Return the blackout that a text of this purpose is under at an instant; None if it may go."""
        return blackouts.blackout_at(self.blackouts, ZoneInfo(self.time_zone), purpose, at) if self.blackouts else None

    def blackout_end(self, purpose: Purpose, at: datetime) -> datetime | None:
        """Return when a text of this purpose may go at the earliest; None where it may at `at`."""
        return blackouts.blackout_end(self.blackouts, ZoneInfo(self.time_zone), purpose, at) if self.blackouts else None

    def open_since(self, purpose: Purpose, due_at: datetime, now: datetime) -> datetime:
        """Return since when a text that was due could have gone, but for blackouts."""
        return blackouts.open_since(self.blackouts, ZoneInfo(self.time_zone), purpose, due_at, now)

    def destinations(self) -> frozenset[str]:
        """Return the countries texts may go to: the merchant's own, those of its numbers, and those it names.

        A public form that accepts any number could send texts to wherever they cost most. A sender number of the North
        American plan belongs to the country of its area code, and a shop in the United States texts Canada only if it
        lists it.
        """
        prefixes = (number.country or _country_of(number.number) for number in self.numbers)
        named = (self.country, *prefixes, *self.policies.destinations)
        return frozenset(country for country in named if country)

    def secrets(self) -> list[tuple[tuple[str | int, ...], Secret]]:
        """Return every secret the file names, with its path in the file."""
        return list(_secrets(self, ()))


def _phone_for_tests(written: Any) -> phone.E164:
    number = phone.parse(written, None) if isinstance(written, str) else None
    if number is None or isinstance(number, phone.Unparsable):
        raise ValueError('not a phone number: write it in full, in quotes, such as "+12125550123"')
    return number


def _country_of(number: str) -> str | None:
    """Return the country of a sender's number; a short code or name has none."""
    return phone.home_of(phone.E164(number)) if number.startswith("+") else None


def _secrets(value: Any, path: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], Secret]]:
    if isinstance(value, Secret):
        return [(path, value)]
    if isinstance(value, FileModel):
        inner: list[tuple[str | int, Any]] = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, tuple):
        inner = list(enumerate(value))
    else:
        return []
    return [found for name, item in inner for found in _secrets(item, (*path, name))]
