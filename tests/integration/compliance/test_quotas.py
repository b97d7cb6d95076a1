"""Consents over a quota: permissions wait, withdrawals never."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.compliance.tables import ledger
from shared.testing.make_compliance import PHONE
from tests.integration.compliance.driver import ComplianceDriver, opened

GRANT = {"to": PHONE, "scope": "marketing", "level": "express", "captured_at": "2026-11-01T10:00:00Z"}
ROW = GRANT | {"disclosure": "Yes, text me offers."}
OTHERS = ("+12125550124", "+12125550125")


@pytest.fixture
async def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ComplianceDriver]:
    monkeypatch.setenv("FOLLOWUP_MERCHANT_EVENTS_PER_SECOND", "0.1")
    async with opened(tmp_path) as driver:
        yield driver


async def test_permissions_over_quota_wait_and_withdrawals_do_not(driver: ComplianceDriver) -> None:
    async with driver.http() as client:
        assert (await client.post("/v1/consents", json=GRANT)).status_code == 201
        over = await client.post("/v1/consents", json=GRANT | {"to": OTHERS[0]})
        assert (over.status_code, over.json()["code"]) == (429, "quota_exceeded")
        for number in range(3):
            revoked = {"to": OTHERS[0], "scope": "marketing", "event": "revoked", "method": f"mail {number}"}
            assert (await client.post("/v1/consents", json=revoked)).status_code == 201
            assert (await client.post("/v1/consents/revoke", json={"to": OTHERS[1]})).status_code == 200


async def test_of_an_import_over_quota_the_withdrawals_are_taken_and_the_batch_may_come_again(
    driver: ComplianceDriver,
) -> None:
    stop = {"to": OTHERS[0], "scope": "marketing", "event": "revoked", "captured_at": "2026-11-02T10:00:00Z"}
    rows = [ROW, stop, ROW | {"to": OTHERS[1]}]
    async with driver.http() as client:
        assert (await client.post("/v1/consents/imports", json={"rows": [ROW]})).status_code == 200
        over = await client.post("/v1/consents/imports", json={"rows": rows})
        assert (over.status_code, over.json()["code"]) == (429, "quota_exceeded")
        assert "1 rows withdraw and were taken" in over.json()["detail"]
        assert len(await driver.rows(ledger)) == 2
        driver.clock.advance(minutes=10)
        again = await client.post("/v1/consents/imports", json={"rows": rows})
        assert again.json() == {"recorded": 1, "repeated": 2, "refused": []}


async def test_an_import_of_withdrawals_alone_never_waits(driver: ComplianceDriver) -> None:
    rows = [{"to": number, "scope": "marketing", "event": "revoked"} for number in OTHERS]
    async with driver.http() as client:
        for _ in range(3):
            assert (await client.post("/v1/consents/imports", json={"rows": rows})).status_code == 200
