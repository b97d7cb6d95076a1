"""Request bodies of the consent routes; an import row has the fields of a consent. Pure."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope
from shared.instants import Instant, Written, undated_where_withdrawn

MOST_EVIDENCE_BYTES = 100_000
_MOST_ROWS = 1000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConsentBody(_Body):
    """One act of consent, with the evidence that proves it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": "+12125550123",
                    "scope": "all",
                    "captured_at": "2026-11-30T20:00:00Z",
                    "method": "web_form",
                    "source": "https://acme.example/join",
                    "disclosure": "I agree to automated marketing texts from Acme Coffee. Not a condition of purchase.",
                }
            ]
        }
    )

    to: str = Field(description="The number, E.164 or in the merchant's country's own form.")
    scope: ConsentScope
    event: ConsentAct = Field(ConsentAct.GRANTED, description="What happened.")
    level: ConsentLevel = ConsentLevel.UNKNOWN
    captured_at: Annotated[Instant | None, WrapValidator(undated_where_withdrawn)] = Field(
        None, description="When; an undated grant never overturns an opt-out, and an opt-out needs no date."
    )
    expires_at: Written | None = None
    method: str = Field("api", min_length=1, max_length=60)
    disclosure: str | None = Field(None, max_length=10_000, description="The exact wording shown.")
    source: str = Field("api", min_length=1, max_length=500, description="Where: a form's address.")
    ip: str | None = Field(None, max_length=60)
    user_agent: str | None = Field(None, max_length=1000)
    evidence: dict[str, Any] | None = Field(None, description="Any other proof; kept encrypted.")

    @field_validator("evidence")
    @classmethod
    def _can_be_kept(cls, evidence: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            size = len(orjson.dumps(evidence))
        except orjson.JSONEncodeError:
            raise ValueError("holds a value that cannot be kept, such as a number beyond 64 bits") from None
        if size > MOST_EVIDENCE_BYTES:
            raise ValueError(f"is larger than {MOST_EVIDENCE_BYTES} bytes")
        return evidence


def _undated(value: object, read: ValidatorFunctionWrapHandler) -> datetime | None:
    try:
        found: datetime | None = read(value)
    except ValidationError:
        return None
    return found


class RevocationBody(_Body):
    """One withdrawal, received by any means (47 CFR 64.1200(a)(10): any reasonable means)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "+12125550123", "scope": "all"}]})

    to: str
    scope: Literal["all", "marketing"] = "all"
    reason: str = Field("request", min_length=1, max_length=500)
    revoked_at: Annotated[Instant | None, WrapValidator(_undated)] = Field(
        None, description="When; one that cannot be read is left out, the withdrawal counts."
    )


def _one_line(value: str) -> str:
    stripped = value.strip()
    if not stripped or not stripped.isprintable():
        raise ValueError("write one line")
    return stripped


OneLine = Annotated[str, AfterValidator(_one_line), Field(max_length=500)]


class GivenConsentBody(_Body):
    """A consent that somebody of the shop enters for a person, with what proves it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": "marketing",
                    "level": "pewc",
                    "captured_at": "2026-11-30T20:00:00Z",
                    "method": "paper",
                    "source": "the shop in Main Street",
                    "disclosure": "I agree to automated marketing texts from Acme Coffee. Not a condition of purchase.",
                }
            ]
        }
    )

    scope: ConsentScope
    level: Literal["pewc", "express"] = Field(
        description="pewc: signed under a wording, which `disclosure` holds (47 CFR 64.1200(f)(9)); express: said so."
    )
    captured_at: Instant = Field(description="When they agreed.")
    method: Literal["in_person", "voice", "paper", "mail", "web_form"] = Field(description="How they said it.")
    source: OneLine = Field(description="Where: a shop, an address, a telephone number.")
    disclosure: str | None = Field(None, max_length=10_000, description="The exact wording they agreed to.")
    note: OneLine | None = Field(None, description="What else proves it; kept encrypted.")

    @model_validator(mode="after")
    def _is_proven(self) -> Self:
        if self.level == "pewc" and not (self.disclosure or "").strip():
            raise ValueError("'disclosure' must hold the wording they signed; without one the level is express")
        if not (self.disclosure or "").strip() and self.note is None:
            raise ValueError("give 'disclosure', the wording, or 'note', what else proves it")
        return self


class ImportBody(_Body):
    """A batch of rows; each has the fields of `POST /v1/consents`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rows": [
                        {
                            "to": "+12125550123",
                            "scope": "all",
                            "captured_at": "2026-11-30T20:00:00Z",
                            "method": "web_form",
                            "source": "https://acme.example/join",
                            "disclosure": "I agree to automated marketing texts from Acme Coffee.",
                        }
                    ]
                }
            ]
        }
    )

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=_MOST_ROWS)
    dry_run: bool = Field(default=False, description="Record nothing; say what would be recorded, and why not.")


class StandingBody(_Body):
    """The number whose standing is asked for; in a body, so that it stays out of URLs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "+12125550123"}]})

    to: str
