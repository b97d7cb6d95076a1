"""Requests and answers about notifications and endpoints."""

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.connectors.deliveries.states import DeliveryState
from services.connectors.deliveries.store import MOST_GIVEN_UP, EndpointTurn
from shared.config.notify import MailEndpoint, NotifyEndpoint
from shared.db.transaction import Row
from shared.http.problems import unprocessable

_REASON_CHARACTERS: Final = 500


class DiscardBody(BaseModel):
    """Why a notification need not arrive."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "the endpoint is gone"}]},
    )

    reason: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=_REASON_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]+$"
        ),
    ]


class DeliveryView(BaseModel):
    """One notification for one endpoint."""

    id: UUID
    endpoint: str
    type: str = Field(description="What it says, as in `events:` of merchant.yaml; or `test`.")
    recipient_id: UUID | None = Field(description="The person it is about, if it is about one.")
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_at: datetime | None = Field(description="When it is tried next; null unless it is pending.")
    ended_at: datetime | None
    problem: str | None = Field(description="What was wrong at the latest attempt, as a constant word.")
    detail: str | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return a stored delivery as it is shown."""
        return cls(
            id=row["delivery_id"],
            type=row["kind"],
            **{name: row[name] for name in cls.model_fields if name not in {"id", "type"}},
        )


class DeliveryPage(BaseModel):
    """Notifications, the newest first."""

    deliveries: list[DeliveryView]
    next_cursor: str | None


class EndpointView(BaseModel):
    """One endpoint of merchant.yaml, and how it does."""

    name: str
    channel: Literal["webhook", "mail"]
    events: list[str]
    waiting: int = Field(description="Notifications that wait for it, at most 10,000.")
    failures: int = Field(description="Failed attempts in a row; from five on it is called less often.")
    failing_since: datetime | None
    not_before: datetime | None = Field(description="When it may be called again.")
    last_delivered_at: datetime | None = Field(description="When it last took a notification.")

    @classmethod
    def of(cls, endpoint: NotifyEndpoint, turn: EndpointTurn | None, waiting: int) -> Self:
        """Return an endpoint as it is shown."""
        return cls(
            name=endpoint.name,
            channel="mail" if isinstance(endpoint, MailEndpoint) else "webhook",
            events=[kind.value for kind in endpoint.events],
            waiting=waiting,
            failures=0 if turn is None else turn.failures,
            failing_since=None if turn is None else turn.failing_since,
            not_before=None if turn is None else turn.not_before,
            last_delivered_at=None if turn is None else turn.delivered_at,
        )


class EndpointList(BaseModel):
    """The endpoints of a merchant, in the order of its file."""

    endpoints: list[EndpointView]
    given_up: int = Field(
        description=f"Notifications that were given up and wait for a decision; {MOST_GIVEN_UP} stands for that many "
        "or more."
    )


class DeliveryFilter(StrEnum):
    """Which notifications are listed."""

    ALL = "all"
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    DISCARDED = "discarded"
    ERASED = "erased"

    @property
    def state(self) -> DeliveryState | None:
        """The one state that is listed; None for all."""
        return None if self is DeliveryFilter.ALL else DeliveryState(self.value)


def cursor_of(last: UUID) -> str:
    """Return an opaque cursor for the page after a delivery."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def delivery_before(cursor: str | None) -> UUID | None:
    """Return the delivery that a page ended with.

    Raises:
        HTTPProblem: 422 for a cursor that no page gave.
    """
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise unprocessable("cursor", "this is not a cursor of ours") from None
