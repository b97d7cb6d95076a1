"""Facts: events reduced to what may be stored unencrypted, and restored from that."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from shared.errors import Undecodable
from shared.events.dispatch import DispatchEvent
from shared.events.engagement import ClickRecorded, ConversionAdjusted, ConversionAttributed, ReplyReceived
from shared.events.envelope import Event, Part, sealed_fields
from shared.events.follow_up import FollowUpEvent
from shared.events.registry import registry
from shared.ids import FollowUpId

_COLUMNS = ("event_id", "merchant_id", "recipient_id", "follow_up_id", "occurred_at")
"""Stored in columns of their own, not in the body."""
_MERCHANT_IDS = ("customer",)
"""The merchant's id of a person; no figure depends on it, so it is not stored."""


def follow_up_of(event: Event) -> FollowUpId | None:
    """Return the follow-up that an event concerns, if any."""
    match event:
        case (
            FollowUpEvent()
            | DispatchEvent()
            | ReplyReceived()
            | ClickRecorded()
            | ConversionAttributed()
            | ConversionAdjusted()
        ):
            return event.follow_up_id
        case _:
            return None


def fact_body(event: Event) -> bytes:
    """Return an event's JSON without its encrypted fields, so that an erasure has nothing to blank there."""
    return event.__pydantic_serializer__.to_json(event, exclude=_left_out(type(event)), exclude_none=True)


def restore_event(fact: Mapping[str, Any]) -> Event:
    """Return the event that a fact was stored from; its encrypted fields are empty.

    Args:
        fact: its columns by name.

    Raises:
        Undecodable: this version does not know the type.
    """
    model = registry().get(fact["type"])
    if model is None:
        raise Undecodable(f"{fact['type']}: this version does not know the type")
    columns = {name: fact[name] for name in _COLUMNS if fact[name] is not None}
    return model.model_validate(_merged(_blanks(model), json.loads(bytes(fact["body"]))) | columns)


@lru_cache(maxsize=64)
def _left_out(kind: type[Event]) -> dict[str, Any]:
    """Return the fields of an event type that are not in the body, in the form of pydantic's `exclude`."""
    return {**sealed_fields(kind), **dict.fromkeys((*_COLUMNS, *_MERCHANT_IDS), True)}


@lru_cache(maxsize=64)
def _blanks(kind: type[Part]) -> Mapping[str, Any]:
    """Return empty values for the encrypted fields that a model requires."""
    return _emptied(kind, sealed_fields(kind))


def _emptied(kind: type[Part], sealed: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {}
    for name, spec in sealed.items():
        field = kind.model_fields[name]
        if isinstance(spec, dict) and isinstance(field.annotation, type):
            empty[name] = _emptied(field.annotation, spec)
        elif field.is_required():
            empty[name] = b""
    return empty


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings merged, nested ones too; `above` has precedence."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged
