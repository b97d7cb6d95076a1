"""What others know of a number, as the gate hears it."""

from pathlib import Path

import pytest

from shared.errors import ConfigurationFault
from shared.events.consent import ConsentLevel, ConsentScope
from shared.events.follow_up import FollowUpBlocked, FollowUpCleared, Purpose
from shared.testing.clock import START
from shared.testing.make_compliance import PHONE
from tests.integration.compliance.driver import opened


def named(monkeypatch: pytest.MonkeyPatch, folder: Path, setting: str, line: str) -> Path:
    file = folder / "register.csv"
    file.write_text(line, encoding="utf-8")
    monkeypatch.setenv(f"FOLLOWUP_COMPLIANCE_{setting}", str(file))
    return file


async def test_a_landline_is_never_texted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, tmp_path, "LINE_TYPES_FILE", f"{PHONE},landline\n")
    async with opened(tmp_path) as driver:
        await driver.hear(driver.claim())
        verdict = await driver.verdict()
    assert isinstance(verdict, FollowUpBlocked)
    assert verdict.reason == "unsupported_number_type"


async def test_a_number_on_the_do_not_call_list_gets_marketing_on_written_consent_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = named(monkeypatch, tmp_path, "DO_NOT_CALL_FILE", f"{PHONE}\n")
    async with opened(tmp_path) as driver:
        await driver.hear(driver.claim(level=ConsentLevel.EXPRESS), driver.claim(scope=ConsentScope.INFORMATIONAL))
        listed = await driver.verdict("offer")
        assert isinstance(listed, FollowUpBlocked)
        assert listed.reason == "suppressed_number"
        assert isinstance(await driver.verdict("parcel", purpose=Purpose.INFORMATIONAL), FollowUpCleared)
        file.write_text("+12125550199,\n", encoding="utf-8")
        [registers] = [loop for loop in driver.service.loops if loop.name == "registers"]
        await registers._step()
        unlisted = await driver.verdict("another offer")
        assert getattr(unlisted, "reason", "ok") != "suppressed_number"


async def test_consent_given_before_a_number_changed_hands_permits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, tmp_path, "REASSIGNED_FILE", f"{PHONE},{START:%Y-%m-%d}\n")
    async with opened(tmp_path) as driver:
        await driver.hear(driver.claim(), driver.claim(scope=ConsentScope.INFORMATIONAL))
        before = await driver.verdict("before")
        assert isinstance(before, FollowUpBlocked)
        assert before.reason == "suppressed_number"
        driver.clock.advance(days=2)
        await driver.hear(driver.claim(captured_at=driver.clock.now()))
        assert isinstance(await driver.verdict("after"), FollowUpCleared)


async def test_what_was_known_of_the_number_is_in_the_evidence_and_recomputes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, tmp_path, "LINE_TYPES_FILE", f"{PHONE},voip\n")
    async with opened(tmp_path) as driver:
        await driver.hear(driver.claim())
        await driver.verdict("offer")
        [record] = await driver.records()
        assert record.inputs.recipient.line.value == "voip"
        async with driver.http() as client:
            [due] = await driver.verdicts()
            reported = (await client.get(f"/v1/decisions/{due.follow_up_id}")).json()
    assert [each["recomputed"] for each in reported["decisions"]] == ["identical"]


async def test_a_register_that_is_named_and_missing_refuses_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, tmp_path, "DO_NOT_CALL_FILE", "").unlink()
    with pytest.raises(ConfigurationFault, match="cannot be read"):
        async with opened(tmp_path):
            pass
