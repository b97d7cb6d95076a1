"""HTTP: consents, withdrawals, standings, evaluations and decisions."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from services.compliance.tables import ledger
from shared import aad
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope
from shared.events.dispatch import DispatchAccepted
from shared.testing import make_compliance
from shared.testing.clock import START
from shared.testing.make_compliance import PHONE, api_key
from tests.integration.compliance.driver import ComplianceDriver, only, opened

CONSENT = {
    "to": PHONE,
    "scope": "marketing",
    "level": "pewc",
    "captured_at": "2026-12-01T16:00:00Z",
    "method": "web_form",
    "disclosure": "Text me offers. Reply STOP to end.",
    "source": "https://acme.example/join",
    "ip": "192.0.2.7",
    "user_agent": "a browser",
    "evidence": {"form": "join-7"},
}
KEYWORD = {"scope": ConsentScope.ALL, "method": "keyword", "source": "reply", "level": ConsentLevel.UNKNOWN}
QUESTION = {
    "to": PHONE,
    "class": "marketing",
    "now": "2026-12-01T12:59:00Z",
    "consent": {"status": "pewc"},
}


@pytest.fixture
async def http(driver: ComplianceDriver) -> AsyncIterator[httpx2.AsyncClient]:
    async with driver.http() as client:
        yield client


async def test_a_recorded_consent_lets_marketing_go_and_keeps_its_evidence_sealed(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    answer = await http.post("/v1/consents", json=CONSENT)
    assert answer.status_code == 201
    assert answer.json()["consents"]["marketing"] == {
        "status": "pewc",
        "captured_at": "2026-12-01T16:00:00Z",
        "expires_at": None,
        "revoked_at": None,
    }
    assert only(await driver.verdict()) == [("cleared", "ok")]
    (row,) = await driver.rows(ledger)
    assert b"acme.example/join" in row["canonical"]
    assert b"192.0.2.7" not in row["canonical"] + row["evidence"]
    assert b"join-7" in driver.sealer.open(make_compliance.MERCHANT, aad.evidence(row["entry_id"]), row["evidence"])
    assert await driver.first_break() is None


async def test_the_same_consent_twice_is_one_entry_even_when_written_in_another_zone(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    first = await http.post("/v1/consents", json=CONSENT)
    again = await http.post("/v1/consents", json=CONSENT | {"captured_at": "2026-12-01T11:00:00-05:00"})
    assert (first.json()["recorded"], again.json()["recorded"]) == (True, False)
    assert first.json()["consent_id"] == again.json()["consent_id"]
    assert len(await driver.rows(ledger)) == 1


async def test_an_idempotency_key_gives_the_same_answer_and_refuses_another_body(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    key = {"Idempotency-Key": "k-1"}
    undated = {name: value for name, value in CONSENT.items() if name != "captured_at"}
    first = await http.post("/v1/consents", json=undated, headers=key)
    driver.clock.advance(minutes=1)
    again = await http.post("/v1/consents", json=undated, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(await driver.rows(ledger)) == 1
    other = await http.post("/v1/consents", json=CONSENT, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(await driver.rows(ledger)) == 1


GIVEN = {
    "scope": "all",
    "level": "express",
    "captured_at": "2026-12-01T16:30:00Z",
    "method": "in_person",
    "source": "the shop",
    "note": "Ben was there",
}


async def test_a_consent_by_hand_counts_or_is_refused_and_then_nothing_is_entered(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    person = (await http.post("/v1/consents", json=CONSENT)).json()["recipient_id"]
    path = f"/v1/standings/{person}/consent"
    assert (await http.post(f"/v1/standings/{uuid4()}/consent", json=GIVEN)).status_code == 404
    for is_new in (True, False):
        answer = await http.post(path, json=GIVEN)
        assert (answer.status_code, answer.json()["recorded"]) == (201, is_new)
    driver.clock.advance(hours=1)
    await http.post(f"/v1/standings/{person}/opt-out", json={"reason": "she called", "scope": "all"})
    earlier = await http.post(path, json=GIVEN | {"source": "another shop"})
    assert (earlier.status_code, earlier.json()["code"]) == (409, "recipient_opted_out")
    assert "since" in earlier.json()["detail"]
    driver.clock.advance(hours=1)
    since = await http.post(path, json=GIVEN | {"captured_at": driver.clock.now().isoformat()})
    assert (since.status_code, since.json()["suppressed"]) == (201, None)
    driver.clock.advance(hours=1)
    stop = driver.claim(ConsentAct.REVOKED, captured_at=driver.clock.now(), keyword_seq=1, **KEYWORD)
    await driver.hear(stop)
    entered = len(await driver.rows(ledger))
    stopped = await http.post(path, json=GIVEN | {"captured_at": driver.clock.now().isoformat()})
    assert (stopped.status_code, stopped.json()["code"]) == (409, "recipient_opted_out")
    assert "START" in stopped.json()["detail"]
    assert len(await driver.rows(ledger)) == entered


async def test_somebody_elses_number_is_suppressed_for_good(driver: ComplianceDriver, http: httpx2.AsyncClient) -> None:
    person = (await http.post("/v1/consents", json=CONSENT)).json()["recipient_id"]
    path = f"/v1/standings/{person}/opt-out"
    partly = await http.post(path, json={"reason": "no", "scope": "marketing", "never_again": "complaint"})
    assert partly.status_code == 422
    body = {"reason": "a stranger answered", "never_again": "wrong_person"}
    for _ in range(2):
        assert (await http.post(path, json=body)).json()["suppressed"] == "wrong_person"
    driver.clock.advance(hours=1)
    later = CONSENT | {"scope": "all", "captured_at": driver.clock.now().isoformat()}
    assert (await http.post("/v1/consents", json=later)).json()["suppressed"] == "wrong_person"
    by_hand = await http.post(f"/v1/standings/{person}/consent", json=GIVEN | {"captured_at": later["captured_at"]})
    assert (by_hand.status_code, by_hand.json()["code"]) == (409, "recipient_suppressed")
    assert only(await driver.verdict()) == [("blocked", "suppressed_number")]


@pytest.mark.parametrize(
    "change",
    [
        {"level": "pewc"},
        {"note": None},
        {"note": None, "disclosure": "  "},
        {"level": "implied"},
        {"captured_at": None},
        {"captured_at": "2027-12-01T16:30:00Z"},
        {"source": "two\nlines"},
        {"source": " Preferences "},
        {"method": "keyword"},
        {"disclosure": "x" * 10_001},
    ],
)
async def test_a_consent_by_hand_without_proof_is_refused(
    driver: ComplianceDriver, http: httpx2.AsyncClient, change: dict[str, Any]
) -> None:
    person = (await http.post("/v1/consents", json=CONSENT)).json()["recipient_id"]
    answer = await http.post(f"/v1/standings/{person}/consent", json=GIVEN | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert len(await driver.rows(ledger)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": "call me on 5550123"}, "to"),
        ({"to": "+12"}, "to"),
        ({"scope": "everything"}, "scope"),
        ({"captured_at": "2026-12-01T17:06:00Z"}, "captured_at"),
        ({"captured_at": "2026-12-01T16:00:00"}, "captured_at"),
        ({"evidence": {"long": "x" * 200_000}}, "evidence"),
        ({"colour": "blue"}, "colour"),
    ],
)
async def test_a_consent_that_cannot_be_read_is_refused_with_the_field_and_without_the_number(
    driver: ComplianceDriver, http: httpx2.AsyncClient, change: dict[str, Any], field: str
) -> None:
    answer = await http.post("/v1/consents", json=CONSENT | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == field
    assert "5550123" not in answer.text
    assert not await driver.rows(ledger)


async def test_evidence_that_could_not_be_kept_exactly_is_refused(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    answer = await http.post("/v1/consents", json=CONSENT | {"evidence": {"count": 2**64, "largest": 2**64 - 1}})
    assert (answer.status_code, answer.json()["detail"]) == (422, "the body holds an integer beyond 64 bits")
    assert not await driver.rows(ledger)
    kept = await http.post("/v1/consents", json=CONSENT | {"evidence": {"count": 2**64 - 1, "card": "9" * 30}})
    assert kept.status_code == 201


async def test_a_grant_from_a_clock_slightly_ahead_counts_from_now(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    answer = await http.post("/v1/consents", json=CONSENT | {"captured_at": "2026-12-01T17:00:30Z"})
    assert answer.status_code == 201
    assert answer.json()["consents"]["marketing"]["captured_at"] == "2026-12-01T17:00:00Z"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
async def test_instants_at_the_ends_of_the_calendar_are_kept_as_the_ends_of_the_ledgers(
    driver: ComplianceDriver, http: httpx2.AsyncClient, at: str
) -> None:
    assert (await http.post("/v1/consents", json=CONSENT | {"expires_at": at})).status_code == 201
    assert (await http.post("/v1/consents/revoke", json={"to": PHONE, "revoked_at": at})).status_code == 200
    assert await driver.first_break() is None


async def test_a_withdrawal_is_answered_only_when_the_ledger_holds_it(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    await http.post("/v1/consents", json=CONSENT)
    driver.clock.advance(minutes=1)
    answer = await http.post("/v1/consents/revoke", json={"to": PHONE, "reason": "said so on the phone"})
    assert answer.status_code == 200
    assert answer.json()["suppressed"] == "opt_out"
    assert len(await driver.rows(ledger)) == 2
    assert only(await driver.verdict()) == [("blocked", "opted_out")]
    change = (await driver.changes())[-1]
    assert (change.suppressed, change.marketing.status, change.informational.status) == (
        "opt_out",
        "revoked",
        "revoked",
    )


async def test_a_withdrawal_from_marketing_leaves_service_texts(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    await http.post("/v1/consents", json=CONSENT | {"scope": "all"})
    driver.clock.advance(minutes=1)
    answer = await http.post("/v1/consents/revoke", json={"to": PHONE, "scope": "marketing"})
    found = answer.json()
    assert (found["suppressed"], found["consents"]["marketing"]["status"]) == (None, "revoked")
    assert found["consents"]["informational"]["status"] == "pewc"


async def test_a_withdrawal_dated_ahead_counts_from_now_and_is_never_refused(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    await http.post("/v1/consents", json=CONSENT)
    answer = await http.post("/v1/consents/revoke", json={"to": PHONE, "revoked_at": "2027-01-01T00:00:00Z"})
    assert answer.status_code == 200
    assert answer.json()["consents"]["marketing"]["revoked_at"] == "2026-12-01T17:00:00Z"
    assert only(await driver.verdict()) == [("blocked", "opted_out")]


async def test_a_withdrawal_of_a_stranger_is_kept_for_when_they_are_one_no_more(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    assert (await http.post("/v1/consents/revoke", json={"to": PHONE})).status_code == 200
    await driver.hear(driver.claim(captured_at=START - timedelta(days=1)))
    assert only(await driver.verdict()) == [("blocked", "opted_out")]


async def test_a_standing_shows_consents_slots_clocks_and_the_next_opening(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    await http.post("/v1/consents", json=CONSENT)
    await driver.verdict()
    await driver.hear(driver.about(DispatchAccepted))
    driver.clock.move_to(datetime(2026, 12, 2, 4, 0, tzinfo=UTC))
    found = (await http.post("/v1/recipients/standing", json={"to": "(212) 555-0123"})).json()
    assert found["consents"]["marketing"]["status"] == "pewc"
    assert (found["slots_used"], found["marketing_texts"]) == (1, ["2026-12-01T17:00:00Z"])
    assert found["local_times"] == [
        {"zone": "America/New_York", "local_time": "2026-12-01T23:00:00-05:00", "open": False}
    ]
    assert found["next_opening"] == "2026-12-02T13:00:00Z"


async def test_the_standing_of_a_stranger_is_an_empty_page(http: httpx2.AsyncClient) -> None:
    found = (await http.post("/v1/recipients/standing", json={"to": "+447400123456"})).json()
    assert found["consents"]["marketing"]["status"] == "none"
    assert (found["suppressed"], found["epoch"], found["slots_used"]) == (None, 0, 0)


async def test_the_gate_answers_one_question_with_one_answer(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/v1/gate/evaluations", json=QUESTION)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["decision"], found["reason"], found["until"]) == ("defer", "quiet_hours", "2026-12-01T13:00:00Z")


async def test_the_gate_answers_a_list_in_its_order_and_stores_nothing(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    open_hours = QUESTION | {"now": "2026-12-01T17:00:00Z"}
    answer = await http.post("/v1/gate/evaluations", json=[QUESTION, open_hours, QUESTION | {"consent": None}])
    assert [each["decision"] for each in answer.json()] == ["defer", "send", "block"]
    assert not await driver.harness.log_events()


async def test_a_question_with_an_unknown_field_is_refused_with_the_nearest_name(http: httpx2.AsyncClient) -> None:
    one = await http.post("/v1/gate/evaluations", json=QUESTION | {"histroy": []})
    assert one.status_code == 422
    assert "did you mean history?" in one.json()["detail"]
    second = await http.post("/v1/gate/evaluations", json=[QUESTION, QUESTION | {"known": {"stat": "NY"}}])
    assert second.status_code == 422
    assert second.json()["errors"][0]["field"] == "1"
    assert "did you mean state?" in second.json()["detail"]


async def test_more_than_a_thousand_questions_at_once_are_refused(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/v1/gate/evaluations", json=[{}] * 1001)
    assert answer.status_code == 422
    assert "1000" in answer.json()["detail"]


async def test_decisions_are_listed_release_by_release_and_recompute_identically(
    driver: ComplianceDriver, http: httpx2.AsyncClient
) -> None:
    driver.clock.move_to(datetime(2026, 12, 2, 4, 0, tzinfo=UTC))
    await driver.hear(driver.claim())
    await driver.verdict()
    driver.clock.move_to(datetime(2026, 12, 2, 13, 0, tzinfo=UTC))
    await driver.verdict(release=2)
    found = (await http.get(f"/v1/decisions/{make_compliance.follow_up('thanks')}")).json()
    assert [(each["release"], each["decision"], each["recomputed"]) for each in found["decisions"]] == [
        (1, "defer", "identical"),
        (2, "send", "identical"),
    ]
    assert found["decisions"][0]["rules"][0]["cite"]
    assert found["decisions"][0]["decided_at"] == "2026-12-02T04:00:00Z"


async def test_decisions_of_another_merchant_or_of_no_follow_up_are_not_found(tmp_path: Path) -> None:
    async with opened(tmp_path, "acme", "other") as driver:
        await driver.hear(driver.claim())
        await driver.verdict()
        path = f"/v1/decisions/{make_compliance.follow_up('thanks')}"
        async with driver.http(api_key("other")) as other:
            assert (await other.get(path)).status_code == 404
            assert (await other.get(f"/v1/decisions/{uuid4()}")).status_code == 404
        async with driver.http() as mine:
            assert (await mine.get(path)).status_code == 200


async def test_the_same_number_is_another_person_to_another_merchant(tmp_path: Path) -> None:
    async with opened(tmp_path, "acme", "other") as driver:
        async with driver.http() as mine:
            await mine.post("/v1/consents/revoke", json={"to": PHONE})
        async with driver.http(api_key("other")) as other:
            found = (await other.post("/v1/recipients/standing", json={"to": PHONE})).json()
        assert (found["suppressed"], found["recipient_id"]) == (
            None,
            str(make_compliance.recipient(driver.sealer, PHONE, "other")),
        )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/consents", CONSENT),
        ("POST", "/v1/consents/revoke", {"to": PHONE}),
        ("POST", "/v1/recipients/standing", {"to": PHONE}),
        ("POST", "/v1/gate/evaluations", QUESTION),
        ("GET", f"/v1/decisions/{make_compliance.follow_up('thanks')}", None),
    ],
)
async def test_every_route_wants_a_key_and_its_scope(
    driver: ComplianceDriver, method: str, path: str, body: dict[str, Any] | None
) -> None:
    async with driver.http("fu_nobody") as stranger:
        answer = await stranger.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    async with driver.http(api_key(kind="none")) as scopeless:
        answer = await scopeless.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert not await driver.rows(ledger)


@pytest.mark.parametrize("changes", [{"method": "keyword"}, {"method": " Reply"}, {"source": "preferences"}])
async def test_no_permission_from_outside_says_that_we_heard_it(
    driver: ComplianceDriver, http: httpx2.AsyncClient, changes: dict[str, Any]
) -> None:
    refused = await http.post("/v1/consents", json=CONSENT | changes)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, next(iter(changes)))
    # A withdrawal is taken whatever it says of itself, and is recorded as what somebody claimed.
    taken = await http.post("/v1/consents", json=CONSENT | changes | {"event": "revoked"})
    assert taken.json()["consents"]["marketing"]["status"] == "revoked"
    (row,) = await driver.rows(ledger)
    assert b'"claimed:' in row["canonical"]
    assert b'"actor":"system"' in row["canonical"]


@pytest.mark.parametrize("date", [46027, "46027", "2026", "20260105", "2026-01-05", 0, "1970-01-01T00:00:00Z", {}])
async def test_what_only_looks_like_an_instant_dates_no_permission(http: httpx2.AsyncClient, date: Any) -> None:
    refused = await http.post("/v1/consents", json=CONSENT | {"captured_at": date})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "captured_at")


@pytest.mark.parametrize("date", [46027, "20260105", "2026-01-05", "1970-01-01T00:00:00Z", "yesterday", True, {}])
@pytest.mark.parametrize("path", ["/v1/consents", "/v1/consents/revoke"])
async def test_an_opt_out_whose_date_cannot_be_read_is_taken_undated(
    http: httpx2.AsyncClient, date: Any, path: str
) -> None:
    await http.post("/v1/consents", json=CONSENT)
    withdrawn = {"to": PHONE, "scope": "marketing", "event": "revoked", "captured_at": date}
    body = withdrawn if path == "/v1/consents" else {"to": PHONE, "scope": "marketing", "revoked_at": date}
    reported = await http.post(path, json=body)
    assert reported.json()["consents"]["marketing"]["status"] == "revoked"
