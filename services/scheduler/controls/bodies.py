"""What `/v1/controls` takes and answers."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.scheduler.api_models import Input, one_line
from services.scheduler.approvals.deciding import Approval
from services.scheduler.controls.store import Concerned, StoredControl
from shared.config.model import Flag, Slug, Word
from shared.controls import EVERY_MERCHANT, ControlAction, ControlScope
from shared.instants import Instant

_REASON_CHARACTERS = 500


class ScopeInput(Input):
    """Which texts: exactly one of the fields, but `step` comes with its `flow`, and a provider may be everybody's."""

    everything: Annotated[Flag, Field(description="Every merchant of the installation; for its operator.")] = False
    merchant: Slug | None = Field(None, description="All texts of this merchant: the key's own.")
    flow: Slug | None = None
    step: Slug | None = Field(None, description="The `text:` of one step of the flow.")
    number: Word | None = Field(None, description="A sender number of the merchant, as in merchant.yaml.")
    provider: Slug | None = Field(None, description="A provider of the merchant, as in merchant.yaml.")
    recipient: UUID | None = Field(None, description="One person, by recipient id.")
    to: str | None = Field(None, min_length=1, max_length=40, description="One person, by phone number.")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        provider = None if self.everything else self.provider
        given = [self.everything or None, self.merchant, self.flow, self.number, provider, self.recipient, self.to]
        if sum(value is not None for value in given) != 1:
            raise ValueError("name exactly one of everything, merchant, flow, number, provider, recipient and to")
        if self.step is not None and self.flow is None:
            raise ValueError("a step needs the flow it belongs to")
        return self


class ControlRequest(Input):
    """Pause texts, stop them, or let them go on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"action": "pause", "scope": {"flow": "win-back"}, "reason": "the code in the text is wrong"}]
        }
    )

    action: Literal["pause", "stop", "resume"]
    scope: ScopeInput
    reason: Annotated[str, AfterValidator(one_line)] = Field(max_length=_REASON_CHARACTERS)
    until: Instant | None = Field(None, description="When it ends by itself; without it, when it is lifted.")
    dry_run: Annotated[Flag, Field(description="Only say how many planned follow-ups it concerns.")] = False

    @model_validator(mode="after")
    def _ends_what_begins(self) -> Self:
        if self.until is not None and self.action == "resume":
            raise ValueError("until belongs to pause and stop")
        return self


class ScopeAnswer(BaseModel):
    """Which texts a control is about: all of the merchant's where nothing else is given."""

    everything: bool
    merchant: str | None
    flow: str | None
    step: str | None
    number: str | None
    provider: str | None
    recipient: UUID | None

    @classmethod
    def of(cls, scope: ControlScope) -> Self:
        """Return a scope as it is shown."""
        everything = scope.merchant_id == EVERY_MERCHANT
        return cls(
            everything=everything,
            merchant=None if everything else scope.merchant_id,
            flow=scope.flow,
            step=scope.step,
            number=scope.number,
            provider=scope.provider,
            recipient=scope.recipient_id,
        )


class ControlAnswer(BaseModel):
    """One control and what became of it."""

    control_id: UUID
    action: ControlAction
    scope: ScopeAnswer
    reason: str | None
    """None where it is the operator's, and about every merchant."""
    made_at: datetime
    made_by: str
    """The id of the API key, or `operator`."""
    until: datetime | None
    in_force_at: datetime | None
    """From then on no call begins later than two seconds; None: the sender has not obeyed yet."""
    lifted_at: datetime | None
    lifted_by: str | None
    """The id of the API key, `operator`, or `until`."""
    lift_reason: str | None
    waiting: int
    """Due follow-ups that wait for its end."""
    cancelled: int
    """Follow-ups that a stop has cancelled so far."""
    in_progress: bool
    """A stop is still cancelling what was planned, or the texts of an ended pause are still being let go."""

    @classmethod
    def of(cls, stored: StoredControl, waiting: int, reasons: tuple[str | None, str | None], *, works: bool) -> Self:
        """Return a control as it is shown."""
        control = stored.control
        return cls(
            control_id=control.id,
            action=control.action,
            scope=ScopeAnswer.of(control.scope),
            reason=reasons[0],
            made_at=control.made_at,
            made_by=stored.made_by,
            until=control.until,
            in_force_at=stored.in_force_at,
            lifted_at=stored.lifted_at,
            lifted_by=stored.lifted_by,
            lift_reason=reasons[1],
            waiting=waiting,
            cancelled=stored.cancelled,
            in_progress=works,
        )


class WaitingForYes(BaseModel):
    """A resume that takes a second person: nothing was done yet."""

    approval_id: UUID
    """Answered at `/v1/approvals/{approval_id}/answer`."""
    texts: int
    """That would go."""
    expires_at: datetime
    detail: str

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """Return what is told to who asked."""
        detail = f"{approval.texts} texts would go: another user of the console must say yes, under Pause and stop"
        return cls(approval_id=approval.id, texts=approval.texts, expires_at=approval.expires_at, detail=detail)


class ControlsChanged(BaseModel):
    """What a request did, and how many follow-ups it concerns."""

    controls: list[ControlAnswer]
    """Put in force or lifted; none with `dry_run`, and none while a second person's yes is waited for."""
    follow_ups: int
    """Planned and not ended: these wait, end or go on."""
    is_exact: bool
    """False: at least so many."""
    approval: WaitingForYes | None
    """A resume that lets many texts go waits for a second person's yes (`approvals` in merchant.yaml)."""

    @classmethod
    def of(cls, controls: list[ControlAnswer], concerned: Concerned, approval: Approval | None = None) -> Self:
        """Return the answer to a request."""
        waits = None if approval is None else WaitingForYes.of(approval)
        return cls(controls=controls, follow_ups=concerned.follow_ups, is_exact=concerned.is_exact, approval=waits)


class ControlPage(BaseModel):
    """A merchant's controls, the newest first."""

    controls: list[ControlAnswer]
    next_cursor: str | None
