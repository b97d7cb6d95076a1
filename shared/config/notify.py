"""`notify:` in merchant.yaml: where the merchant is told of replies and of what needs somebody."""

from typing import Annotated, Final, TypeAlias

from pydantic import Field, field_validator, model_validator

from shared.config.model import MAIL_ADDRESS, FileModel, HTTPAddress, Slug
from shared.config.secret import Secret
from shared.vocabulary.notification_kinds import ALARMS, SELECTABLE, NotificationKind

MOST_ENDPOINTS: Final = 10
_MOST_SECRETS: Final = 5
_LONGEST_MAIL_ADDRESS: Final = 254


class NotifyEndpoint(FileModel):
    """What every endpoint has."""

    name: Slug
    """Names the endpoint in lists and commands; a new name is a new endpoint."""
    events: Annotated[tuple[NotificationKind, ...], Field(min_length=1, max_length=len(SELECTABLE))]
    """What it is told."""

    @field_validator("events")
    @classmethod
    def _can_be_asked_for(cls, kinds: tuple[NotificationKind, ...]) -> tuple[NotificationKind, ...]:
        if NotificationKind.TEST in kinds:
            raise ValueError("a test goes to the endpoint it is made for, and need not be listed")
        return kinds

    def wants(self, kind: NotificationKind) -> bool:
        """Return whether it is to be told; a test is made for it."""
        return kind is NotificationKind.TEST or kind in self.events


class WebhookEndpoint(NotifyEndpoint):
    """An address of the merchant's that gets each notification as a signed POST (Standard Webhooks)."""

    url: HTTPAddress
    secrets: Annotated[tuple[Secret, ...], Field(min_length=1, max_length=_MOST_SECRETS)]
    """Each signs, so that they can be rotated."""


class MailEndpoint(NotifyEndpoint):
    """A mail address of the merchant's; by default it hears of what somebody should look into."""

    to: Annotated[str, Field(pattern=MAIL_ADDRESS, max_length=_LONGEST_MAIL_ADDRESS)]
    events: Annotated[tuple[NotificationKind, ...], Field(min_length=1, max_length=len(SELECTABLE))] = ALARMS


Endpoint: TypeAlias = WebhookEndpoint | MailEndpoint


class NotifySettings(FileModel):
    """Where a merchant is notified; by default nowhere."""

    webhooks: Annotated[tuple[WebhookEndpoint, ...], Field(max_length=MOST_ENDPOINTS)] = ()
    mail: Annotated[tuple[MailEndpoint, ...], Field(max_length=MOST_ENDPOINTS)] = ()

    @model_validator(mode="after")
    def _no_name_twice(self) -> "NotifySettings":
        names = [endpoint.name for endpoint in self.endpoints]
        if len(set(names)) < len(names):
            raise ValueError("an endpoint's name is twice in this list")
        return self

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every endpoint."""
        return (*self.webhooks, *self.mail)

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the endpoint of this name."""
        return next((each for each in self.endpoints if each.name == name), None)
