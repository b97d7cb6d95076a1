"""Withdrawals in an invalid event, recorded because its sender does not learn that it was refused.

An invalid webhook is answered 200 and never sent again. So each withdrawal in it is recorded if its person can be
read: withdrawn consent, a cancellation, a refund. Invalid fields are left out, and so is anything that would give
consent or start a flow.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError

from services.ingest.domain.parsed_deliveries import ParsedDelivery, ShopSettings
from services.ingest.sources.generic import EventBody, findings_in, parse_event
from services.ingest.sources.json_object import InvalidField
from shared.events.consent import ConsentAct, ConsentScope
from shared.events.trigger import TriggerKind

MOST_CONSENTS: Final = 20
_WITHDRAWING: Final = frozenset({TriggerKind.CANCELLATION.value, TriggerKind.REFUND.value})
_UNREADABLE_KIND: Final = "custom.unreadable"
_ROUNDS: Final = 4
"""Rounds of removing invalid fields: one invalid field may hide another."""


def salvaged(document: object, shop: ShopSettings, received_at: datetime) -> ParsedDelivery | None:
    """Return the withdrawals in an invalid event; None if there are none, or its person cannot be read."""
    if not isinstance(document, dict):
        return None
    event = _event(document)
    if event is None:
        return None
    withdrawn = tuple(each for each in event.consent if each.event is ConsentAct.REVOKED)
    # A sender's clock that runs ahead does not matter here: a withdrawal takes effect now.
    at = received_at if event.occurred_at is None else min(event.occurred_at, received_at)
    kept = event.model_copy(update={"consent": withdrawn, "occurred_at": at})
    try:
        parsed = parse_event(kept, shop, received_at)
    except InvalidField:
        parsed = parse_event(
            kept.model_copy(update={"recipient": kept.recipient.model_copy(update={"phone": None})}), shop, received_at
        )
    triggers = parsed.triggers if event.kind in _WITHDRAWING else ()
    found = replace(parsed, triggers=triggers, unknown=tuple({each.field: None for each in findings_in(document)}))
    concerns_a_person = found.contact is not None or found.identifiers
    return found if found.has_content and concerns_a_person else None


def _event(document: Mapping[str, Any]) -> EventBody | None:
    """Return the event without its invalid fields."""
    kept = dict(document)
    kept["consent"] = _withdrawals(kept.get("consent"))
    if isinstance(kept.get("recipient"), dict):
        kept["recipient"] = dict(kept["recipient"])
    for _ in range(_ROUNDS):
        try:
            return EventBody.model_validate(kept)
        except ValidationError as problem:
            for error in problem.errors(include_url=False, include_input=False):
                _leave_out(kept, error["loc"], document)
    return None


def _withdrawals(consents: object) -> list[dict[str, Any]]:
    """Return the withdrawn consents with their required fields; an unreadable scope counts as all."""
    given = consents if isinstance(consents, list) else [consents]
    found = [each for each in given if isinstance(each, dict) and _is_withdrawn(each)]
    return [
        {"scope": _scope(each.get("scope")), "event": ConsentAct.REVOKED, "captured_at": each.get("captured_at")}
        for each in found[:MOST_CONSENTS]
    ]


def _is_withdrawn(consent: Mapping[str, Any]) -> bool:
    said = consent.get("event")
    return isinstance(said, str) and said.strip().lower() == ConsentAct.REVOKED


def _scope(said: object) -> ConsentScope:
    word = said.strip().lower() if isinstance(said, str) else ""
    return ConsentScope(word) if word in tuple(ConsentScope) else ConsentScope.ALL


def _leave_out(kept: dict[str, Any], where: Sequence[int | str], document: Mapping[str, Any]) -> None:
    """Remove the field at a path from an event; a required field is replaced instead."""
    head = str(where[0]) if where else ""
    part = kept.get(head)
    if head == "id":
        kept["id"] = hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
    elif head == "kind":
        kept["kind"] = _UNREADABLE_KIND
    elif head == "recipient" and isinstance(part, dict) and len(where) > 1:
        part.pop(where[1], None)
    else:
        kept.pop(head, None)
