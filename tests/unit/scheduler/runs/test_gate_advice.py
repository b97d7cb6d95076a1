"""The question a dry run puts to the gate holds what the ledger last said."""

from datetime import timedelta
from typing import Any

import pytest

from services.compliance.gate.inputs import SERVICE_CLEARANCE_SECONDS
from services.scheduler.runs.plan import PlannedText
from services.scheduler.runs.previews import question
from services.scheduler.runs.recipients import StoredRecipient, consents_of
from shared.config.merchant import MerchantConfig
from shared.events.consent import ConsentChanged, ScopeSnapshot
from shared.events.follow_up import Purpose, SendPolicy
from shared.events.trigger import Contact
from shared.ids import MerchantId, RecipientId
from shared.testing import make
from shared.testing.clock import START

CONTACT = Contact(phone="+12125550123", state="NY")


def text(purpose: Purpose) -> PlannedText:
    return PlannedText(
        step="text",
        purpose=purpose,
        body="Hello",
        locale="en",
        due_at=START,
        expires_at=START + timedelta(hours=1),
        policy=SendPolicy(),
    )


def asked(purpose: Purpose, marketing: str | None, informational: str = "none", **person: Any) -> dict[str, Any]:
    consents = None
    if marketing is not None:
        event = make.event(
            ConsentChanged,
            marketing=ScopeSnapshot(status=marketing),
            informational=ScopeSnapshot(status=informational),
        )
        consents = consents_of(event)
    known = StoredRecipient(RecipientId(make.RECIPIENT), MerchantId(make.MERCHANT), consents=consents, **person)
    return question(CONTACT, text(purpose), known, MerchantConfig(merchant="acme", brand="Acme"))


@pytest.mark.parametrize(
    ("purpose", "marketing", "informational", "status"),
    [
        (Purpose.MARKETING, "pewc", "contract", "pewc"),
        (Purpose.MARKETING, "none", "contract", "none"),
        (Purpose.TRANSACTIONAL, "pewc", "contract", "contract"),
        (Purpose.TRANSACTIONAL, "pewc", "none", "pewc"),
        (Purpose.TRANSACTIONAL, "revoked", "none", "none"),
        (Purpose.INFORMATIONAL, "pewc", "revoked", "revoked"),
    ],
)
def test_the_scope_that_counts_is_asked_with(purpose: Purpose, marketing: str, informational: str, status: str) -> None:
    assert asked(purpose, marketing, informational)["consent"]["status"] == status


def test_a_person_without_a_ledger_entry_has_no_consent() -> None:
    assert asked(Purpose.MARKETING, None)["consent"] == {"status": "none"}


def test_a_suppressed_number_is_asked_as_one_and_an_opt_out_is_left_to_consent() -> None:
    assert asked(Purpose.MARKETING, "pewc", suppressed="wrong_person")["number"] == {"suppressed": True}
    assert asked(Purpose.MARKETING, "revoked", suppressed="opt_out")["number"] == {"suppressed": False}


def test_what_ends_soon_is_over_as_it_is_for_a_text_in_service() -> None:
    assert asked(Purpose.MARKETING, "pewc")["least_clearance_seconds"] == SERVICE_CLEARANCE_SECONDS
