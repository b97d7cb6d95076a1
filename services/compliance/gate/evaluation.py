"""The evaluation format: one question to the gate as JSON, one answer as JSON (design section 9).

Used by `POST /v1/gate/evaluations` and `followup gate`; an omitted field is unknown, an unknown field is refused.
"""

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.compliance.gate import decision
from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, LineType, PastKind, Policy, Recipient
from services.compliance.gate.verdicts import DECISION_OF, Clear, Defer, Verdict
from shared.config.model import Flag, Whole
from shared.events.follow_up import Purpose
from shared.rules import numbers
from shared.rules.places import KnownPlace, countries_by_law
from shared.rules.table import ConsentStatus, RuleTable, UnreadableRules
from shared.vocabulary.profiles import Profile

_YEARS = range(1971, 2800)  # beyond, calendars and zone data mean nothing
_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")
_LINES = {
    "mobile": LineType.MOBILE,
    "landline": LineType.LANDLINE,
    "fixedline": LineType.LANDLINE,
    "voip": LineType.VOIP,
    "fixedvoip": LineType.VOIP,
    "nonfixedvoip": LineType.VOIP,
    "tollfree": LineType.TOLL_FREE,
    "premium": LineType.PREMIUM,
    "premiumrate": LineType.PREMIUM,
}


def _text(value: object) -> object:
    if not isinstance(value, str) or _DATE.match(value) is None:
        raise ValueError("should be a text such as 2026-12-01T12:59:00Z")
    return value


def _sensible(value: datetime) -> datetime:
    if value.year not in _YEARS:
        raise ValueError(f"should lie between the years {_YEARS.start} and {_YEARS.stop - 1}")
    return value.astimezone(UTC)


RFC3339Instant: TypeAlias = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_sensible)]
"""RFC 3339 with an offset; held in UTC."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnownFacts(_Strict):
    """What is known about where the person lives."""

    timezone: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class NumberState(_Strict):
    """What is known about the line."""

    ported: Flag | None = None
    type: str | None = None
    """mobile, landline, voip, toll_free, premium; any other word is unknown."""
    suppressed: Flag | None = None


class ConsentState(_Strict):
    """The consent to assume, as the ledger would hold it."""

    status: ConsentStatus | None = None
    captured_at: RFC3339Instant | None = None
    expires_at: RFC3339Instant | None = None
    revoked_at: RFC3339Instant | None = None
    revoked_since: RFC3339Instant | None = None
    """The first of several withdrawals that nothing has lifted; omitted: `revoked_at`."""


class PastEvent(_Strict):
    """One earlier text, an inbound HELP (`inbound_help`), or a reply that was no opt-out (`inbound_reply`)."""

    at: RFC3339Instant
    kind: PastKind = Field(alias="class")


class EvaluationRequest(_Strict):
    """May this text go? Only `to`, `class` and `now` are required."""

    to: str
    purpose: str = Field(alias="class")
    """The purpose, called class in the rules; an unknown one is blocked as `unknown_class`, not refused."""
    now: RFC3339Instant
    known: KnownFacts | None = None
    number: NumberState | None = None
    consent: ConsentState | None = None
    history: tuple[PastEvent, ...] | None = None
    expires_at: RFC3339Instant | None = None
    first_due_at: RFC3339Instant | None = None
    """`max_defer_hours` counts from here; omitted: from `now`."""
    profile: Profile | None = None
    close_guard_seconds: Whole | None = Field(default=None, ge=0, le=86_400)
    destinations: frozenset[str] | None = Field(default=None, max_length=250)
    """Countries the shop sends to; omitted: any."""
    least_clearance_seconds: Whole | None = Field(default=None, ge=0, le=86_400)
    """An opening, a text or a consent that ends sooner counts as ended; omitted: 0. Live decisions use at least 60."""


class RuleAnswer(_Strict):
    """One rule that was checked."""

    id: str
    cite: str
    hours: str
    open: bool
    skipped: str | None


class ZoneAnswer(_Strict):
    """One time zone that was checked."""

    zone: str
    local_time: str
    open: bool
    why: str


class EvaluationAnswer(_Strict):
    """The gate's answer."""

    decision: Literal["send", "defer", "block"]
    reason: str
    until: str | None
    valid_until: str | None
    zones: tuple[ZoneAnswer, ...]
    rules: tuple[RuleAnswer, ...]
    explanation: str


class EvaluationError(_Strict):
    """Takes the place of the answer when the question cannot be read."""

    error: str


def evaluate(request: EvaluationRequest, rules: RuleTable | UnreadableRules) -> EvaluationAnswer:
    """Return the gate's answer to one question."""
    known, number = request.known or KnownFacts(), request.number or NumberState()
    verdict = decision.decide(
        JudgedText(_purpose(request.purpose), request.first_due_at or request.now, request.expires_at),
        Recipient(
            number=numbers.facts_of(request.to),
            known=KnownPlace(known.timezone, known.state, known.postal_code, known.country),
            line=_line(number.type),
            ported=bool(number.ported),
            suppressed=bool(number.suppressed),
        ),
        Consent(**{name: fact for name, fact in request.consent or () if fact is not None}),
        [HistoryItem(past.at, past.kind) for past in request.history or ()],
        request.now,
        rules,
        Policy(
            profile=request.profile or Profile.STRICT,
            close_guard_seconds=request.close_guard_seconds,
            destinations=None if request.destinations is None else countries_by_law(request.destinations),
            least_clearance_seconds=request.least_clearance_seconds or 0,
        ),
    )
    return answer_of(verdict)


def evaluate_json(question: object, rules: RuleTable | UnreadableRules) -> EvaluationAnswer | EvaluationError:
    """Return the answer to a question as parsed from JSON, or what is wrong with the question."""
    try:
        request = EvaluationRequest.model_validate(question)
    except ValidationError as problem:
        return EvaluationError(error=_complaint(problem))
    return evaluate(request, rules)


def answer_of(verdict: Verdict) -> EvaluationAnswer:
    """Return a verdict in the words of the evaluation format."""
    evidence = verdict.evidence
    return EvaluationAnswer(
        decision=DECISION_OF[type(verdict)],
        reason=verdict.reason.value,
        until=rfc3339(verdict.until) if isinstance(verdict, Defer) else None,
        valid_until=rfc3339(verdict.valid_until) if isinstance(verdict, Clear) else None,
        zones=tuple(
            ZoneAnswer(zone=found.zone, local_time=found.local_time.isoformat(), open=found.open, why=found.why)
            for found in evidence.zones
        ),
        rules=tuple(
            RuleAnswer(id=found.id, cite=found.cite, hours=found.hours, open=found.open, skipped=found.skipped)
            for found in evidence.rules
        ),
        explanation=evidence.explanation,
    )


def rfc3339(at: datetime) -> str:
    """Return an instant in UTC as RFC 3339 with a Z."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _purpose(word: str) -> Purpose | None:
    return Purpose(word) if word in set(Purpose) else None


def _line(word: str | None) -> LineType:
    plain = "".join(letter for letter in (word or "").casefold() if letter.isalpha())
    return _LINES.get(plain, LineType.UNKNOWN)


def _complaint(problem: ValidationError) -> str:
    """Return every mistake in one line, without any value: it may be a phone number."""
    return "; ".join(_mistake(error["loc"], error["type"], error["msg"]) for error in problem.errors())


def _mistake(location: tuple[int | str, ...], kind: str, message: str) -> str:
    path = ".".join(map(str, location)) or "the question"
    if kind != "extra_forbidden":
        return f"{path}: {message}"
    nearest = get_close_matches(str(location[-1]), _names_beside(location), n=1)
    return f"{path}: no such field" + (f", did you mean {nearest[0]}?" if nearest else "")


def _names_beside(location: tuple[int | str, ...]) -> list[str]:
    inner: dict[Any, type[BaseModel]] = {
        "known": KnownFacts,
        "number": NumberState,
        "consent": ConsentState,
        "history": PastEvent,
    }
    model = inner.get(location[0], EvaluationRequest)
    return [field.alias or name for name, field in model.model_fields.items()]
