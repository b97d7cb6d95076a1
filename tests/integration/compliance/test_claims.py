"""Claims as events: the ledger, its chain, and what it adds up to."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.compliance.tables import ledger, send_slots
from shared.db.transaction import Transaction, WritePriority
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, RecipientErased, SuppressionCause
from shared.events.dispatch import DispatchAccepted
from shared.rules.table import ConsentStatus
from shared.testing.clock import START
from tests.integration.compliance.driver import ComplianceDriver, only, opened

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BEN = "+12125550124"


async def test_a_claim_read_twice_is_one_entry_and_one_announcement(driver: ComplianceDriver) -> None:
    claim = driver.claim()
    await driver.hear(claim, claim)
    await driver.hear(claim)
    assert len(await driver.rows(ledger)) == 1
    (change,) = await driver.changes()
    assert (change.epoch, change.reports, change.marketing.status) == (1, (claim.event_id,), "pewc")


async def test_the_chain_of_a_person_holds_and_a_changed_row_shows(driver: ComplianceDriver) -> None:
    claims = [driver.claim(captured_at=START + number * MINUTE) for number in range(4)]
    await driver.hear(*claims[:2], driver.claim(phone=BEN))
    await driver.hear(*claims[2:])
    assert await driver.first_break() is None
    assert await driver.first_break(BEN) is None
    assert sorted(row["position"] for row in await driver.rows(ledger) if row["recipient_id"] == driver.person()) == [
        *range(4)
    ]

    async def forge(db: Transaction) -> None:
        (row,) = await db.fetch(ledger, "entry_id", [claims[1].event_id])
        forged = bytes(row["canonical"]).replace(b'"pewc"', b'"express"')
        await db.change(ledger, [{"entry_id": row["entry_id"], "canonical": forged}])

    await driver.harness.runtime.database.write(forge, WritePriority.BATCHES)
    assert await driver.first_break() == 1


async def test_any_order_of_arrival_gives_the_same_standing(tmp_path: Path) -> None:
    spans = ((ConsentAct.GRANTED, 0), (ConsentAct.REVOKED, 1), (ConsentAct.GRANTED, 2), (ConsentAct.REVOKED, 3))
    standings = set()
    for number, order in enumerate(itertools.permutations(spans)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with opened(folder, at=START + HOUR) as driver:
            for act, minute in order:
                await driver.hear(driver.claim(act, captured_at=START + minute * MINUTE))
            standings.add((await driver.held()).standing)
            assert await driver.first_break() is None
    (standing,) = standings
    assert standing.marketing.revoked_at == START + 3 * MINUTE


async def test_neither_an_undated_nor_an_older_grant_beats_a_revocation(driver: ComplianceDriver) -> None:
    driver.clock.advance(hours=1)
    await driver.hear(driver.claim(ConsentAct.REVOKED, captured_at=START + HOUR))
    await driver.hear(driver.claim(captured_at=None), driver.claim(captured_at=START))
    assert only(await driver.verdict("blocked")) == [("blocked", "opted_out")]
    driver.clock.advance(hours=1)
    await driver.hear(driver.claim(captured_at=driver.clock.now()))
    assert only(await driver.verdict("cleared")) == [("cleared", "ok")]


async def test_start_echoes_the_newest_keyword_and_an_old_start_after_a_new_stop_lifts_nothing(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(driver.claim())
    driver.clock.advance(hours=1)
    keyword = {"scope": ConsentScope.ALL, "method": "keyword", "level": ConsentLevel.UNKNOWN}
    stop = driver.claim(ConsentAct.REVOKED, captured_at=START + MINUTE, keyword_seq=1, **keyword)
    start = driver.claim(ConsentAct.RESTORED, captured_at=START + 2 * MINUTE, keyword_seq=2, **keyword)
    stop_again = driver.claim(ConsentAct.REVOKED, captured_at=START + 3 * MINUTE, keyword_seq=3, **keyword)
    await driver.hear(stop_again, stop, start)
    seen = [(change.keyword_seq, change.suppressed, change.marketing.status) for change in (await driver.changes())[1:]]
    assert seen == [(3, "opt_out", "revoked")] * 3
    last = driver.claim(ConsentAct.RESTORED, captured_at=START + 4 * MINUTE, keyword_seq=4, **keyword)
    await driver.hear(last)
    lifted = (await driver.changes())[-1]
    assert (lifted.keyword_seq, lifted.suppressed, lifted.marketing.status) == (4, None, "pewc")
    assert only(await driver.verdict()) == [("cleared", "ok")]


@pytest.mark.parametrize(
    "claimed",
    [
        {"method": "platform", "source": "shopify"},
        {"method": "keyword", "source": "reply"},
        {"method": "web_form", "source": "preferences"},
        {"act": ConsentAct.RESTORED, "method": "keyword", "source": "reply", "scope": ConsentScope.ALL},
        {"act": ConsentAct.CONFIRMED, "method": "api", "source": "api", "scope": ConsentScope.ALL},
    ],
)
async def test_only_the_person_lifts_their_stop(driver: ComplianceDriver, claimed: dict[str, Any]) -> None:
    await driver.hear(driver.claim(scope=ConsentScope.ALL))
    keyword = {"scope": ConsentScope.ALL, "method": "keyword", "source": "reply", "level": ConsentLevel.UNKNOWN}
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(ConsentAct.REVOKED, captured_at=driver.clock.now(), keyword_seq=1, **keyword))
    driver.clock.advance(minutes=5)
    await driver.hear(driver.claim(captured_at=driver.clock.now(), **claimed))
    assert len(await driver.rows(ledger)) == 3
    seen = (await driver.changes())[-1]
    assert (seen.suppressed, seen.marketing.status, seen.informational.status) == (
        "opt_out",
        "revoked",
        "revoked",
    )
    assert only(await driver.verdict()) == [("blocked", "opted_out")]
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(ConsentAct.RESTORED, captured_at=driver.clock.now(), keyword_seq=2, **keyword))
    assert only(await driver.verdict("after START")) == [("cleared", "ok")]


async def test_a_claim_for_ever_is_kept_and_not_parked(driver: ComplianceDriver) -> None:
    ages = datetime(9999, 12, 31, tzinfo=UTC)
    await driver.hear(driver.claim(expires_at=ages), driver.claim(ConsentAct.REVOKED, captured_at=ages, phone=BEN))
    assert not await driver.parked()
    assert (await driver.held()).standing.marketing.consent(START).status is ConsentStatus.PEWC
    assert (await driver.held(BEN)).standing.marketing.consent(START).status is ConsentStatus.REVOKED
    assert await driver.first_break() is None


async def test_an_erasure_blanks_the_evidence_suppresses_the_number_and_keeps_chain_and_slots(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(driver.claim(evidence=b"sealed evidence"), driver.claim(phone=BEN, evidence=b"of somebody else"))
    await driver.verdict()
    await driver.hear(driver.about(DispatchAccepted))
    driver.clock.advance(minutes=1)
    erased = driver.about(RecipientErased)
    await driver.hear(erased, erased)
    assert {row["evidence"] for row in await driver.rows(ledger)} == {None, b"of somebody else"}
    assert len(await driver.rows(ledger)) == 3
    assert await driver.first_break() is None
    assert len(await driver.rows(send_slots)) == 1
    assert (await driver.changes())[-1].suppressed is SuppressionCause.ERASED
    assert only(await driver.verdict("later")) == [("blocked", "suppressed_number")]


async def test_what_was_claimed_before_an_erasure_and_arrives_later_loses_its_evidence(
    driver: ComplianceDriver,
) -> None:
    late = driver.claim(evidence=b"sealed evidence")
    driver.clock.advance(minutes=1)
    await driver.hear(driver.about(RecipientErased))
    await driver.hear(late)
    assert {row["evidence"] for row in await driver.rows(ledger)} == {None}
    assert await driver.first_break() is None
    assert (await driver.held()).standing.suppression is SuppressionCause.ERASED


async def test_an_erased_person_in_flight_is_blocked_whoever_the_due_says_they_are(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    due = driver.due()
    await driver.hear(driver.about(RecipientErased), due)
    assert only(*await driver.verdicts()) == [("blocked", "suppressed_number")]


async def test_a_revocation_passes_what_is_parked(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    bad = driver.due("bad")
    await driver.hear(bad.model_copy(update={"content": bad.content.model_copy(update={"contact": b"broken"})}))
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(ConsentAct.REVOKED, captured_at=driver.clock.now()))
    assert (await driver.changes())[-1].marketing.status == "revoked"
    assert len(await driver.parked()) == 1
