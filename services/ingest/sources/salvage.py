"""What still counts of an event that cannot be taken whole, where its sender does not learn that it was refused.

A webhook that is kept unread is answered 200 and never comes again. So what takes something back in it is taken all
the same, wherever its person can be read: each consent that was withdrawn, a cancellation, a refund. What is wrong
beside that is left out, and so is what would permit or begin anything.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError

from services.ingest.domain.parsed_deliveries import ParsedDelivery, Shop
from services.ingest.fields import Misshapen
from services.ingest.sources.generic import EventBody, findings_in, reading_of
from shared.events.consent import ConsentAct, ConsentScope
from shared.events.trigger import TriggerKind

MOST_CONSENTS: Final = 20
_TAKING_BACK: Final = frozenset({TriggerKind.CANCELLATION.value, TriggerKind.REFUND.value})
_UNREADABLE_KIND: Final = "custom.unreadable"
_ROUNDS: Final = 4
"""What is wrong is left out in so many rounds at most: a mistake may hide another."""


def salvaged(document: object, shop: Shop, received_at: datetime) -> ParsedDelivery | None:
    """Return what counts of an event that is not one of ours; None where that is nothing, or about nobody."""
    if not isinstance(document, dict):
        return None
    event = _event(document)
    if event is None:
        return None
    withdrawn = tuple(each for each in event.consent if each.event is ConsentAct.REVOKED)
    # A sender's clock that runs ahead costs nothing here: what is taken back is taken back now.
    at = received_at if event.occurred_at is None else min(event.occurred_at, received_at)
    kept = event.model_copy(update={"consent": withdrawn, "occurred_at": at})
    try:
        reading = reading_of(kept, shop, received_at)
    except Misshapen:
        reading = reading_of(
            kept.model_copy(update={"recipient": kept.recipient.model_copy(update={"phone": None})}), shop, received_at
        )
    happenings = reading.happenings if event.kind in _TAKING_BACK else ()
    found = replace(reading, happenings=happenings, unknown=tuple({each.field: None for each in findings_in(document)}))
    is_about_somebody = found.contact is not None or found.joins
    return found if found.says_something and is_about_somebody else None


def _event(document: Mapping[str, Any]) -> EventBody | None:
    """Return the event without what is wrong in it."""
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
    """Return the consents that were withdrawn, each with what it needs: of which scope, where nobody says, all."""
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
    """Leave out of an event what stands at a place; what it cannot do without is put there."""
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
