"""Withdrawals in an event of Followup's own format are recorded, whatever else is invalid."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.domain.parsed_deliveries import ParsedDelivery, ParseResult, ShopSettings, Unreadable
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.standard_webhooks import STANDARD_WEBHOOKS
from shared.events.consent import ConsentAct, ConsentScope
from shared.testing.clock import START
from shared.testing.make_ingest import PHONE, body_of, event

WITHDRAWN = {"scope": "marketing", "event": "revoked", "captured_at": "2026-12-01T16:59:00Z", "method": "preferences"}
ODD: list[Any] = [None, 7, 1.5, True, "", "x" * 5000, [], {}, [[]], {"a": {}}, "0001-01-01T00:00:00", -1]


def read(document: Any) -> ParseResult:
    return STANDARD_WEBHOOKS.read(body_of(document), DeliveryContext({}, ShopSettings(country="US"), START))


def parsed(document: Any) -> ParsedDelivery:
    found = read(document)
    assert isinstance(found, ParsedDelivery), found
    return found


def withdrawal(**changes: Any) -> dict[str, Any]:
    return event(kind="customer_updated", consent=[dict(WITHDRAWN)], customer="c-1") | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": {"minor": 49.005, "currency": "USD"}},
        {"amount": []},
        {"facts": []},
        {"facts": {"note": "x" * 100_000}},
        {"kind": "purchased"},
        {"id": None},
        {"test": "no"},
        {"occurred_at": "2026-12-01T17:00:00"},
        {"occurred_at": "2099-01-01T00:00:00Z"},
        {"recipient": {"phone": PHONE, "country": "Amerika", "time_zone": "Mars/Base", "shoe_size": 9}},
        {"subject": ""},
        {"something": "else"},
        {"consent": [WITHDRAWN | {"level": "very", "captured_at": 46027, "ip": "192.0.2.1"}]},
        {"consent": WITHDRAWN},
        {"consent": [{"scope": "marketing", "event": "granted", "level": "no such"}, 7, WITHDRAWN]},
        {"consent": [WITHDRAWN] * 30},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_withdrawal_counts_whatever_is_wrong_beside_it(changes: dict[str, Any]) -> None:
    found = parsed(withdrawal(**changes))
    assert found.contact is not None
    assert (found.contact.phone, found.triggers) == (PHONE, ())
    assert {(claim.act, claim.scope) for claim in found.claims} == {(ConsentAct.REVOKED, ConsentScope.MARKETING)}
    assert found.unknown or changes.keys() <= {"occurred_at"}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(data=st.data())
def test_no_spoilt_neighbour_costs_a_withdrawal(data: st.DataObject) -> None:
    document = copy.deepcopy(withdrawal())
    for name in data.draw(st.lists(st.sampled_from(sorted(document.keys() - {"recipient", "consent"})), unique=True)):
        document[name] = data.draw(st.sampled_from(ODD))
    for name in data.draw(st.lists(st.sampled_from(["first_name", "country", "locale", "time_zone"]), unique=True)):
        document["recipient"][name] = data.draw(st.sampled_from(ODD))
    found = parsed(document)
    assert found.contact is not None
    assert [claim.act for claim in found.claims] == [ConsentAct.REVOKED]


@given(junk=st.sampled_from(ODD), name=st.sampled_from(["recipient", "consent"]))
def test_an_event_without_a_person_or_content_is_kept_unread(junk: Any, name: str) -> None:
    spoilt = {name: junk, "customer": None, "subject": None, "amount": "spoilt"}
    assert isinstance(read(withdrawal(**spoilt)), Unreadable)


def test_a_withdrawal_of_no_known_scope_is_of_all() -> None:
    [claim] = parsed(withdrawal(consent=[{"event": "REVOKED "}])).claims
    assert (claim.act, claim.scope, claim.captured_at) == (ConsentAct.REVOKED, ConsentScope.ALL, None)


def test_an_unreadable_number_leaves_the_customer() -> None:
    found = parsed(withdrawal(recipient={"phone": "call me"}))
    assert (found.contact, found.customer, len(found.claims)) == (None, "c-1", 1)


@pytest.mark.parametrize("kind", ["cancellation", "refund"])
def test_what_takes_an_order_back_counts_too(kind: str) -> None:
    [trigger] = parsed(event(kind=kind, amount={"minor": 49.005, "currency": "USD"})).triggers
    assert (trigger.kind, trigger.subject, trigger.amount_minor) == (kind, "order-1001", None)


def test_nothing_begins_and_nothing_is_permitted_by_an_event_that_is_not_one() -> None:
    granted = WITHDRAWN | {"event": "granted"}
    assert isinstance(read(event(kind="purchase", consent=[granted], amount="much")), Unreadable)
    found = parsed(event(kind="purchase", consent=[granted, WITHDRAWN], amount="much"))
    assert ([claim.act for claim in found.claims], found.triggers) == ([ConsentAct.REVOKED], ())


def test_a_delivery_that_comes_twice_is_known_by_its_content() -> None:
    first, second = (parsed(event(kind="cancellation", id=None)).triggers[0] for _ in range(2))
    assert first.key == second.key
    assert parsed(event(kind="cancellation", id=None, subject="order-2")).triggers[0].key != first.key
