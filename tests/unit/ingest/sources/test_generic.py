from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.domain.parsed_deliveries import ShopSettings
from services.ingest.sources.generic import findings_in, read_event
from services.ingest.sources.json_object import InvalidField
from services.ingest.sources.standard_webhooks import STANDARD_WEBHOOKS
from shared.events.trigger import PhoneProvenance
from shared.standard_webhooks import key_of
from shared.testing.clock import START
from shared.testing.make_ingest import PHONE, STANDARD_SECRET, event, standard_headers

BODY = b'{"id": "evt-1"}'


def refusal(document: Any) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        read_event(document, ShopSettings(), START)
    return caught.value


def test_an_event_says_what_it_holds() -> None:
    _, parsed = read_event(event(customer="c-7"), ShopSettings(), START)
    [trigger] = parsed.triggers
    assert (trigger.kind, trigger.subject, trigger.amount_minor, trigger.currency) == (
        "purchase",
        "order-1001",
        4900,
        "USD",
    )
    assert trigger.occurred_at == datetime(2026, 12, 1, 16, 59, tzinfo=UTC)
    assert parsed.contact is not None
    assert (parsed.contact.phone, parsed.contact.provenance) == (PHONE, PhoneProvenance.API)
    assert [join.name for join in parsed.identifiers] == ["order-1001", "c-7"]


@pytest.mark.parametrize("zone", ["UTC", "GMT", "Zulu", "Etc/GMT-8", "CET", "EST5EDT"])
def test_a_zone_that_is_no_place_is_unknown_and_costs_the_event_nothing(zone: str) -> None:
    _, parsed = read_event(event(recipient={"phone": PHONE, "time_zone": zone}), ShopSettings(), START)
    assert parsed.contact is not None
    assert parsed.contact.time_zone is None
    assert parsed.unknown == ("recipient.time_zone",)


@pytest.mark.parametrize("zone", ["America/New_York", "US/Eastern", "Asia/Calcutta"])
def test_a_zone_that_is_a_place_is_believed(zone: str) -> None:
    _, parsed = read_event(event(recipient={"phone": PHONE, "time_zone": zone}), ShopSettings(), START)
    assert parsed.contact is not None
    assert (parsed.contact.time_zone, parsed.unknown) == (zone, ())


def test_an_offset_is_read_into_utc() -> None:
    _, parsed = read_event(event(occurred_at="2026-12-01T11:59:00-05:00"), ShopSettings(), START)
    assert parsed.triggers[0].occurred_at == datetime(2026, 12, 1, 16, 59, tzinfo=UTC)


def test_an_event_without_an_instant_happened_when_it_came_in() -> None:
    document = event()
    del document["occurred_at"]
    assert read_event(document, ShopSettings(), START)[1].triggers[0].occurred_at == START


def test_a_disclosure_is_hashed_and_kept_as_evidence() -> None:
    document = event(consent=[{"scope": "marketing", "event": "granted", "level": "pewc", "disclosure": "Yes, texts"}])
    [claim] = read_event(document, ShopSettings(), START)[1].claims
    assert claim.evidence == {"disclosure": "Yes, texts"}
    assert claim.disclosure_sha256 == "fecf25785e78cae6605997eea2387d494e8c0878751c73705b29973b0238aa1b"


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"amout": {}}, "amout", "unknown field; did you mean 'amount'?"),
        (
            {"recipient": {"fist_name": "Ana"}},
            "recipient.fist_name",
            "unknown field; did you mean 'first_name'?",
        ),
        ({"consent": [{"scope": "marketing", "evnt": "granted"}]}, "consent.0.event", "is missing"),
        ({"kind": "purchse"}, "kind", "unknown kind; did you mean 'purchase'? or write custom.<name>"),
        ({"occurred_at": "2026-12-01T16:59:00"}, "occurred_at", "must have an offset from UTC"),
        (
            {"occurred_at": 1_796_054_400},
            "occurred_at",
            "write an RFC 3339 instant with an offset, such as 2026-12-01T12:59:00Z",
        ),
        ({"recipient": {"phone": "12"}}, "recipient.phone", "it has no + and the country is not known"),
        ({"recipient": {"phone": "+1212555"}}, "recipient.phone", "it has too few digits for its country"),
        (
            {"recipient": {"phone": PHONE, "time_zone": "America/New_Yrok"}},
            "recipient.time_zone",
            "not an IANA time zone, such as America/New_York",
        ),
    ],
)
def test_a_mistake_is_named_with_its_fix(changes: dict[str, Any], field: str, reason: str) -> None:
    found = refusal(event(**changes))
    assert (found.field, found.reason) == (field, reason)


@pytest.mark.parametrize("document", [None, [], "purchase", 1, {}])
def test_what_is_no_event_is_refused(document: Any) -> None:
    assert refusal(document)
    assert findings_in(document)


def test_every_mistake_of_an_event_is_reported() -> None:
    found = findings_in(event(kind="x", test="yes", amount={"minor": 1.5, "currency": "usd"}))
    assert {each.field for each in found} == {"kind", "test", "amount.minor", "amount.currency"}


def test_no_reason_repeats_what_was_sent() -> None:
    document = event(recipient={"phone": "+1 555", "country": "+12125550123", "locale": "+12125550123"})
    assert all("555" not in str(each) for each in [*findings_in(document), refusal(document)])


def test_things_of_the_future_are_refused() -> None:
    ahead = (START + timedelta(minutes=6)).isoformat()
    assert refusal(event(occurred_at=ahead)).field == "occurred_at"
    claims = [{"scope": "marketing", "event": "granted", "captured_at": ahead}]
    assert refusal(event(consent=claims)).field == "consent.0.captured_at"


def test_a_clock_a_little_ahead_is_forgiven() -> None:
    ahead = (START + timedelta(minutes=4)).isoformat()
    assert read_event(event(occurred_at=ahead), ShopSettings(), START)


def test_a_custom_kind_is_taken_as_it_is() -> None:
    assert (
        read_event(event(kind="custom.back_in_stock"), ShopSettings(), START)[1].triggers[0].kind
        == "custom.back_in_stock"
    )


def is_genuine(headers: dict[str, str], body: bytes = BODY, at: datetime = START) -> bool:
    return STANDARD_WEBHOOKS.is_genuine(headers, body, (STANDARD_SECRET,), ShopSettings(), at)


def test_one_of_several_signatures_suffices() -> None:
    assert is_genuine(standard_headers(BODY, START))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_delivery_without_one_of_the_headers_is_not_genuine(name: str) -> None:
    headers = standard_headers(BODY, START)
    del headers[name]
    assert not is_genuine(headers)


def test_another_body_or_id_is_not_genuine() -> None:
    headers = standard_headers(BODY, START)
    assert not is_genuine(headers, BODY + b" ")
    assert not is_genuine(headers | {"webhook-id": "msg_2"})


@pytest.mark.parametrize(("seconds", "genuine"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_delivery_is_genuine_for_five_minutes_around_its_timestamp(seconds: int, genuine: bool) -> None:  # noqa: FBT001 - a table's column
    headers = standard_headers(BODY, START)
    assert is_genuine(headers, at=START + timedelta(seconds=seconds)) is genuine


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "9" * 5000, "²"])
def test_a_timestamp_that_is_no_number_is_not_genuine(timestamp: str) -> None:
    assert not is_genuine(standard_headers(BODY, START) | {"webhook-timestamp": timestamp})


def test_a_secret_that_is_not_base64_stands_for_its_own_bytes() -> None:
    assert key_of("not base64!") == b"not base64!"
