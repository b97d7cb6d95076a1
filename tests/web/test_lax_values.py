"""No request model accepts a string for a number, a number for a date, or a word for a boolean."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.compliance.consents.bodies import ConsentBody, GivenConsentBody, ImportBody, RevocationBody, StandingBody
from services.compliance.consents.standing_api import OptOutBody
from services.compliance.gate.evaluation import EvaluationRequest
from services.connectors.deliveries.bodies import DiscardBody
from services.console.accounts.invitations_api import InvitationRequest
from services.console.accounts.users_api import PasswordRequest, UserRequest
from services.ingest.quarantine.api import QuarantineDiscardBody, RedriveBody
from services.ingest.sources.generic import EventBody
from services.ingest.trial_events import TrialEventBody
from services.scheduler.api_models import FollowUpRequest, SearchRequest
from services.scheduler.approvals.bodies import AnswerRequest
from services.scheduler.cancelling import CancelRequest
from services.scheduler.controls.bodies import ControlRequest
from services.scheduler.flow_files.bodies import FlowDraft
from services.scheduler.flow_views.own_phone_api import OwnPhoneBody
from services.scheduler.lookup import LookupRequest
from services.sender.conversations.bodies import AssigneeBody, ReviewBody, SeenBody
from services.sender.conversations.saved_answers_api import SavedAnswerBody
from services.sender.replies.unassigned_api import AssignmentBody, Dismissal
from services.sender.unknowns.api import ResolutionBody
from shared.http.parked_routes import ParkedDiscardBody, ParkedRedriveBody

AT = "2026-12-01T12:00:00Z"
TO = "+12125550123"
WHOLE: dict[type[BaseModel], list[dict[str, Any]]] = {
    ConsentBody: [{"to": TO, "scope": "all", "captured_at": AT, "expires_at": AT, "disclosure": "shown", "ip": "::1"}],
    DiscardBody: [{"reason": "they called"}],
    RevocationBody: [{"to": TO, "reason": "asked"}],
    StandingBody: [{"to": TO}],
    TrialEventBody: [{"to": TO, "kind": "purchase"}],
    SavedAnswerBody: [{"title": "Hours", "text": "We open at 9."}],
    OwnPhoneBody: [{"to": TO, "step": "thanks", "locale": "en", "trigger": {}}],
    OptOutBody: [{"scope": "marketing", "reason": "asked"}, {"never_again": "complaint", "reason": "asked"}],
    GivenConsentBody: [
        {
            "scope": "all",
            "level": "pewc",
            "captured_at": AT,
            "method": "paper",
            "source": "shop",
            "disclosure": "shown",
            "note": "Ben was there",
        }
    ],
    ImportBody: [{"rows": [{}]}],
    EventBody: [
        {
            "id": "e",
            "kind": "purchase",
            "occurred_at": AT,
            "test": False,
            "recipient": {"phone": TO, "first_name": "Ana", "postal_code": "10001", "state": "NY"},
            "amount": {"minor": 1, "currency": "USD"},
            "consent": [{"scope": "all", "event": "granted", "captured_at": AT, "disclosure": "shown"}],
        }
    ],
    FollowUpRequest: [
        {"to": TO, "text": "hi", "purpose": "marketing", "due_at": AT, "expires_at": AT, "dry_run": True},
        {"to": TO, "text": "hi", "purpose": "marketing", "due_local": {"date": "2026-12-01", "time": "09:30"}},
        {"to": TO, "text": "hi", "purpose": "marketing", "due_in": "1h", "recipient": {"postal_code": "10001"}},
        {"to": TO, "flow": "cart", "step": "reminder", "trigger": {}, "test": True},
        {"recipient_id": "018c0000-0000-7000-8000-0000000000d1", "text": "hi", "purpose": "conversation"},
    ],
    SearchRequest: [{"to": TO}],
    LookupRequest: [{"to": TO}],
    FlowDraft: [{"text": "flow: cart"}],
    CancelRequest: [
        {"follow_ups": ["018c0000-0000-7000-8000-0000000000d1"], "reason": "why", "dry_run": True},
        {"recipient": "018c0000-0000-7000-8000-0000000000d1", "reason": "why"},
    ],
    AnswerRequest: [{"answer": "yes", "texts": 812, "reason": "why"}],
    ControlRequest: [
        {"action": "pause", "scope": {"everything": True}, "reason": "why", "until": AT, "dry_run": True},
        {"action": "stop", "scope": {"flow": "cart", "step": "reminder"}, "reason": "why"},
        {"action": "resume", "scope": {"to": TO}, "reason": "why"},
    ],
    EvaluationRequest: [
        {
            "to": TO,
            "class": "marketing",
            "now": AT,
            "known": {"timezone": "America/New_York", "postal_code": "10001"},
            "number": {"ported": True, "type": "mobile", "suppressed": False},
            "consent": {"status": "pewc", "captured_at": AT, "revoked_at": AT, "expires_at": AT, "revoked_since": AT},
            "history": [{"at": AT, "class": "marketing"}],
            "expires_at": AT,
            "first_due_at": AT,
            "close_guard_seconds": 300,
            "least_clearance_seconds": 60,
        }
    ],
    InvitationRequest: [{"role": "owner"}],
    UserRequest: [{"name": "anna", "role": "owner", "password": "seven quiet beans"}],
    PasswordRequest: [{"password": "seven quiet beans"}],
    SeenBody: [{"seen": "018c0000-0000-7000-8000-0000000000d1"}],
    AssigneeBody: [{"who": "maria"}],
    ReviewBody: [{"was_opt_out": True, "seen": "018c0000-0000-7000-8000-0000000000d1", "reason": "meant the magazine"}],
    AssignmentBody: [{"to": TO, "merchant": "acme"}],
    Dismissal: [{"although_opt_out": True}],
    ParkedRedriveBody: [
        {"ids": [1]},
        {"recipient_id": "018c0000-0000-7000-8000-0000000000d1", "after": 1, "of_no_merchant": True},
    ],
    ParkedDiscardBody: [{"ids": [1], "reason": "why", "of_no_merchant": True}],
    RedriveBody: [
        {"delivery_ids": ["018c0000-0000-7000-8000-0000000000d1"]},
        {"everything": True, "after": "018c0000-0000-7000-8000-0000000000d1"},
    ],
    QuarantineDiscardBody: [{"delivery_ids": ["018c0000-0000-7000-8000-0000000000d1"], "reason": "why"}],
    ResolutionBody: [
        {
            "attempt_id": "018c0000-0000-7000-8000-0000000000d1",
            "outcome": "sent",
            "provider_message_id": "SM1",
            "reason": "why",
        },
        {
            "attempt_id": "018c0000-0000-7000-8000-0000000000d1",
            "outcome": "not_sent",
            "send_again": True,
            "reason": "why",
        },
    ],
}
"""A whole request of each kind."""
_TEXT = [5, 5.5, True]
_DATES = [46027, 0, 46027.5, "46027", "2026", "20260105", "0", True]
_LAX = {bool: ["yes", "true", 1, 0, "on"], int: ["5", "5.0", True, 5.5]}


def spoilt(value: Any) -> Iterator[Any]:
    """Yield the value with one leaf after another said in another type."""
    match value:
        case dict():
            for name, inner in value.items():
                yield from ({**value, name: each} for each in spoilt(inner))
        case list():
            yield from ([each, *value[1:]] for each in spoilt(value[0]) if value)
        case bool() | int():
            yield from _LAX[type(value)]
        case str() if value[:4] == "2026" or value in {"09:30", "1h"}:
            yield from _DATES
        case _:
            yield from _TEXT


@pytest.mark.parametrize("model", WHOLE, ids=lambda model: model.__name__)
def test_no_model_of_a_request_takes_one_type_for_another(model: type[BaseModel]) -> None:
    for whole in WHOLE[model]:
        model.model_validate(whole)
        taken = []
        for request in spoilt(whole):
            try:
                model.model_validate(request)
            except ValidationError:
                continue
            taken.append(request)
        assert taken == []


def test_every_model_of_a_request_is_among_them() -> None:
    # The document is made from the running application, and checked to be so.
    openapi = json.loads((Path(__file__).parents[2] / "docs/reference/openapi.json").read_text(encoding="utf-8"))
    bodies = {
        content["schema"]["$ref"].rsplit("/", 1)[-1]
        for path in openapi["paths"].values()
        for operation in path.values()
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
        if media == "application/json" and "$ref" in content["schema"]
    }
    assert bodies - {model.__name__ for model in WHOLE} == set()
    assert len(bodies) >= 5
