"""What every event carries, and the registry that turns a type name into its model."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from shared import aad
from shared.aad import AssociatedData
from shared.errors import Undecodable
from shared.events.topics import Topic
from shared.ids import EventId, MerchantId, RecipientId

Sealed = bytes
"""AES-256-GCM ciphertext made by `shared.privacy`; base64 on the wire, bytes in tables."""


class Part(BaseModel):
    """A frozen part of an event; readers ignore fields they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")


@lru_cache(maxsize=64)
def sealed_fields(kind: type[Part]) -> Mapping[str, Any]:
    """Return the sealed fields of a model, nested like the model; True marks one, as in pydantic's `exclude`."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        alternatives = get_args(field.annotation) or (field.annotation,)
        if bytes in alternatives:
            found[name] = True
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Part):
            found[name] = sealed_fields(field.annotation)
    return {name: inner for name, inner in found.items() if inner}


class Event(Part):
    """A fact, past tense and immutable; a repeat of the same fact has the same `event_id`."""

    type: ClassVar[str]
    topic: ClassVar[Topic]

    event_id: EventId
    merchant_id: MerchantId
    recipient_id: RecipientId
    occurred_at: datetime
    """Aware UTC: when the fact became true, which may be long before it was published."""
    correlation_id: str
    """Rides from the webhook to the KPI."""

    def passes_parked(self) -> bool:
        """Return whether this event is handed on although earlier ones of the recipient are parked."""
        return False

    def associated_data(self) -> dict[str, AssociatedData]:
        """Return where its sealed fields belong, by their names; those of a part by their own."""
        return {"contact": aad.contact(self.recipient_id)}


EventT = TypeVar("EventT", bound=type[Event])
_REGISTRY: dict[str, type[Event]] = {}


def event(topic: Topic, name: str) -> Callable[[EventT], EventT]:
    """Enter an event class into the registry: events of this `name` are in this `topic`."""

    def enter(kind: EventT) -> EventT:
        if name in _REGISTRY:
            raise RuntimeError(f"two models claim the event type {name}")
        kind.topic, kind.type = topic, name
        _REGISTRY[name] = kind
        return kind

    return enter


def declared() -> dict[str, type[Event]]:
    """Return the event types of the modules imported so far; `shared.events.registry` has them all."""
    return dict(_REGISTRY)


def encode(fact: Event) -> bytes:
    """Return the JSON body of an event (CloudEvents binary mode: the type travels in a header)."""
    return fact.__pydantic_serializer__.to_json(fact)  # as `model_dump_json` does, which makes a text of the bytes


def decode(kind: type[Event], body: bytes) -> Event:
    """Return the event a body holds.

    Raises:
        Undecodable: the body does not fit the model.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as problem:
        fields = ", ".join(sorted({".".join(map(str, error["loc"])) for error in problem.errors()}))
        raise Undecodable(f"{kind.type}: fields do not fit the model: {fields}") from None
