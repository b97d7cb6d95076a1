"""What a file of flow tests may say: `merchants/acme/tests/order-thank-you.yaml`."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from shared.config import strict_yaml
from shared.config.explain import read_as
from shared.config.model import COUNTRY, LOCALE, SLUG, Duration, FileModel, parse_duration
from shared.config.problem import Problem
from shared.config.strict_yaml import Document
from shared.events.consent import ConsentLevel, ConsentScope

TESTS_FOLDER: Final = "tests"
LONGEST_RUN: Final = timedelta(days=400)
"""Of one case: a year and a little more."""
MOST_CASES: Final = 200
_MOST_STEPS: Final = 100
_LOCAL: Final = "%Y-%m-%d %H:%M"
_LOCAL_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d\Z")


def _local_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.strptime(value, _LOCAL)  # noqa: DTZ007 - read on the case's own clock, which has the zone
    except ValueError:
        raise ValueError('a time is written as "2026-12-01 10:00", on the clock of the case') from None


def _case_time(value: object) -> object:
    """Return a duration since the case's start, or a local time."""
    if not isinstance(value, str):
        return value
    if _LOCAL_TEXT.match(value):
        return _local_time(value)
    try:
        return timedelta() if value == "0" else parse_duration(value)
    except ValueError:
        raise ValueError('a time is a duration since the start such as 1h, or "2026-12-01 10:00"') from None


LocalTime: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_local_time),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d$", "examples": ["2026-12-01 10:00"]}),
]
CaseTime: TypeAlias = Annotated[
    timedelta | datetime,
    BeforeValidator(_case_time),
    WithJsonSchema({"type": "string", "examples": ["1h", "3d", "2026-12-01 10:00"]}),
]
"""How long after the start, or when on the case's clock."""
_Words: TypeAlias = Annotated[str, Field(min_length=1, max_length=1600)]
_Named: TypeAlias = Annotated[str, Field(pattern=SLUG)]


class CasePerson(FileModel):
    """Whom it is about; numbers from 555-0100 to 555-0199 belong to nobody."""

    phone: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")] = "+12125550123"
    first_name: Annotated[str, Field(max_length=100)] | None = None
    last_name: Annotated[str, Field(max_length=100)] | None = None
    country: Annotated[str, Field(pattern=COUNTRY)] | None = None
    state: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,3}$")] | None = None
    postal_code: Annotated[str, Field(max_length=16)] | None = None
    locale: Annotated[str, Field(pattern=LOCALE)] | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None


class CaseConsent(FileModel):
    """What they had agreed to before the case began."""

    scope: ConsentScope = ConsentScope.ALL
    level: ConsentLevel = ConsentLevel.PEWC
    before: Duration = timedelta(days=1)
    """How long before the start."""


class CaseAmount(FileModel):
    """Money in minor units."""

    minor: Annotated[int, Field(strict=True, ge=0)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"


class CaseEvent(FileModel):
    """Something that happens at the shop, as `POST /v1/events` takes it."""

    kind: Annotated[str, Field(min_length=1, max_length=200)]
    subject: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    amount: CaseAmount | None = None
    facts: dict[str, Any] = Field(default_factory=dict)


class CaseStep(FileModel):
    """One thing that happens: an event of the shop, a reply, or a tap on the link of a text."""

    at: CaseTime = timedelta()
    event: CaseEvent | None = None
    reply: _Words | None = None
    click: _Named | None = None
    """The text whose link is opened."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> "CaseStep":
        if sum(each is not None for each in (self.event, self.reply, self.click)) != 1:
            raise ValueError("a step is one of event, reply, click")
        return self


class ExpectedText(FileModel):
    """What becomes of one text of the flow. What is not given is not compared."""

    text: _Named
    state: Literal["pending", "delivered", "failed", "blocked", "cancelled", "expired", "unconfirmed"] = "delivered"
    reason: Annotated[str, Field(max_length=64)] | None = None
    at: CaseTime | None = None
    """When a provider accepted it or, if it was not sent, when it was due first; to the minute."""
    says: _Words | tuple[_Words, ...] = ()
    """Words that stand in it."""

    @property
    def wanted_words(self) -> tuple[str, ...]:
        """All words that stand in it."""
        return (self.says,) if isinstance(self.says, str) else self.says


class FlowCase(FileModel):
    """One case: who, when, what happens, and every text of the flow that follows from it."""

    case: Annotated[str, Field(min_length=1, max_length=120)]
    starts: LocalTime
    """On the clock of the merchant's time zone, unless `time_zone` names another."""
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    person: CasePerson = CasePerson()
    agreed: tuple[CaseConsent, ...] = ()
    happens: Annotated[tuple[CaseStep, ...], Field(min_length=1, max_length=_MOST_STEPS)]
    runs_for: Duration = timedelta(days=60)
    """The case ends then, or when nothing of the flow is open any more."""
    expect: Annotated[tuple[ExpectedText, ...], Field(max_length=_MOST_STEPS)]

    @model_validator(mode="after")
    def _is_in_order(self) -> "FlowCase":
        if self.runs_for > LONGEST_RUN:
            raise ValueError(f"a case runs for at most {LONGEST_RUN.days}d")
        return self


class FlowCases(FileModel):
    """The tests of one flow."""

    flow: _Named
    cases: Annotated[tuple[FlowCase, ...], Field(min_length=1, max_length=MOST_CASES)]


def case_files(folder: Path) -> list[Path]:
    """Return the files of tests in a merchant's folder, sorted."""
    return sorted(path for path in (folder / TESTS_FOLDER).glob("*.yaml") if not path.name.startswith("."))


@dataclass(frozen=True, slots=True)
class ReadCases:
    """A file of flow tests and its document."""

    cases: FlowCases
    document: Document


def read_cases(path: Path) -> ReadCases | list[Problem]:
    """Return what a file says, or everything that is wrong with it; never raises for a file's content."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return [Problem(str(path), 1, "the file cannot be read", "save it as readable UTF-8 text")]
    document = strict_yaml.load(text, str(path))
    if isinstance(document, Problem):
        return [document]
    read = read_as(FlowCases, document)
    return read if isinstance(read, list) else ReadCases(read, document)
