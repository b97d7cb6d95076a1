from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.compliance.tables import ledger
from shared.events.consent import RecipientErased
from shared.events.follow_up import FollowUpCleared
from shared.testing import make
from shared.testing.make_compliance import PHONE
from tests.integration.compliance.driver import ComplianceDriver, opened

ROW = {
    "to": PHONE,
    "scope": "marketing",
    "level": "pewc",
    "captured_at": "2026-11-01T10:00:00Z",
    "disclosure": "Yes, text me offers.",
    "source": "https://acme.example/checkout",
}


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[ComplianceDriver]:
    async with opened(tmp_path) as driver:
        yield driver


async def take(driver: ComplianceDriver, *rows: dict[str, Any]) -> dict[str, Any]:
    async with driver.http() as client:
        answer = await client.post("/v1/consents/imports", json={"rows": list(rows)})
    assert answer.status_code == 200
    reported: dict[str, Any] = answer.json()
    return reported


async def test_a_row_with_evidence_permits_marketing(driver: ComplianceDriver) -> None:
    assert await take(driver, ROW) == {"recorded": 1, "repeated": 0, "refused": []}
    assert isinstance(await driver.verdict("offer"), FollowUpCleared)
    [row] = await driver.rows(ledger)
    assert b'"act":"imported"' in bytes(row["canonical"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"captured_at": None}, "no_evidence"),
        ({"disclosure": None}, "no_evidence"),
        ({"level": "unknown"}, "no_evidence"),
        ({"to": "12"}, "unusable_number"),
        ({"to": "+1 012 555 0123"}, "unusable_number"),
        ({"captured_at": "yesterday"}, "invalid"),
        ({"captured_at": "2026-11-01T10:00:00"}, "invalid"),
        ({"captured_at": "2031-01-01T00:00:00Z"}, "invalid"),
        ({"level": "strong"}, "invalid"),
        ({"colour": "blue"}, "invalid"),
        ({"event": "restored"}, "not_importable"),
    ],
)
async def test_a_row_that_proves_nothing_is_refused_with_its_reason_and_costs_only_itself(
    driver: ComplianceDriver, changes: dict[str, Any], reason: str
) -> None:
    reported = await take(driver, {**ROW, **changes}, {**ROW, "to": "+12125550199"})
    assert reported["recorded"] == 1
    [refusal] = reported["refused"]
    assert (refusal["row"], refusal["reason"]) == (0, reason)
    assert "5550123" not in refusal["detail"].replace(" ", "")


async def test_an_opt_out_needs_no_evidence_and_counts(driver: ComplianceDriver) -> None:
    reported = await take(driver, ROW, {"to": PHONE, "scope": "all", "event": "revoked"})
    assert reported["recorded"] == 2
    assert (await driver.held()).standing.suppression == "opt_out"


async def test_an_older_grant_in_a_file_never_overturns_an_opt_out(driver: ComplianceDriver) -> None:
    await take(driver, {"to": PHONE, "scope": "all", "event": "revoked", "captured_at": "2026-11-20T00:00:00Z"})
    await take(driver, ROW)
    assert (await driver.held()).standing.suppression == "opt_out"


async def test_the_same_batch_again_changes_nothing(driver: ComplianceDriver) -> None:
    await take(driver, ROW)
    assert await take(driver, ROW, ROW) == {"recorded": 0, "repeated": 2, "refused": []}


async def test_the_same_number_twice_in_one_batch_is_two_entries_of_one_chain(driver: ComplianceDriver) -> None:
    reported = await take(driver, ROW, {**ROW, "captured_at": "2026-11-02T10:00:00Z"}, ROW)
    assert reported == {"recorded": 2, "repeated": 1, "refused": []}
    assert (await driver.held()).standing.epoch == 2
    assert await driver.first_break() is None


async def test_an_erased_person_is_not_imported_again(driver: ComplianceDriver) -> None:
    await driver.hear(make.event(RecipientErased, recipient_id=driver.person()))
    reported = await take(driver, ROW, {"to": PHONE, "scope": "all", "event": "revoked"})
    assert (reported["recorded"], [each["reason"] for each in reported["refused"]]) == (1, ["erased"])
    assert (await driver.held()).standing.suppression == "erased"
