"""What cannot be read sends nothing: each text gets its reason, is counted, and stops none of its batch."""

from typing import Any

import pytest

from services.compliance import app, dependencies, instruments, store
from shared.errors import DatabaseUnavailable
from shared.events.follow_up import FollowUpCleared
from shared.events.trigger import Contact
from shared.rules.table import UnreadableRules
from shared.testing.make_compliance import PHONE
from tests.integration.compliance.driver import ComplianceDriver, only

BEN, CARA = "+12125550124", "+12125550125"


def verdicts(decision: str, reason: str) -> float:
    return float(instruments.VERDICTS.labels(decision, reason, "marketing")._value.get())


async def test_an_unreadable_table_blocks_the_whole_batch_with_its_reason_and_counts_it(
    driver: ComplianceDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "load_rules", lambda: UnreadableRules("a slip of the pen"))
    driver.service = app.build(driver.harness.runtime)
    before = verdicts("block", "rules_unreadable")
    await driver.hear(driver.claim(), driver.claim(phone=BEN))
    answers = await driver.judged(driver.due("one"), driver.due("two", phone=BEN), driver.due("three", phone=CARA))
    assert only(*answers) == [("blocked", "rules_unreadable")] * 3
    assert verdicts("block", "rules_unreadable") == before + 3
    assert await driver.parked() == []


async def test_a_failing_store_clears_nothing_and_once_it_is_back_each_text_has_one_verdict(
    driver: ComplianceDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.claim(), driver.claim(phone=BEN))
    people, failures = store.people, 0

    async def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise DatabaseUnavailable("the consent store is gone")
        return await people(*arguments, **options)

    monkeypatch.setattr(store, "people", failing)
    await driver.harness.publish(driver.due("one"), driver.due("two", phone=BEN))
    for _ in range(2):
        try:
            await driver.harness.settle(driver.service)
        except DatabaseUnavailable:
            assert not any(isinstance(event, FollowUpCleared) for event in await driver.harness.log_events())
    await driver.harness.settle(driver.service)
    assert failures > 2
    assert sorted(only(*await driver.verdicts())) == [("cleared", "ok"), ("cleared", "ok")]


async def test_an_unusable_zone_is_counted_and_the_number_decides(driver: ComplianceDriver) -> None:
    def ignored() -> float:
        return float(instruments.IGNORED_FACTS.labels("time_zone")._value.get())

    await driver.hear(driver.claim())
    before = ignored()
    lost = Contact.model_construct(**{**Contact(phone=PHONE).model_dump(), "time_zone": "Mars/Phobos"})
    assert only(await driver.verdict("lost", contact=lost), await driver.verdict("known")) == [("cleared", "ok")] * 2
    assert ignored() == before + 1
    assert (await driver.records())[0].verdict.evidence.zones[0].zone == "America/New_York"


async def test_no_text_goes_without_known_consent(driver: ComplianceDriver) -> None:
    before = verdicts("block", "no_consent")
    await driver.hear(driver.claim(phone=BEN))
    answers = await driver.judged(driver.due("stranger"), driver.due("friend", phone=BEN))
    assert sorted(only(*answers)) == [("blocked", "no_consent"), ("cleared", "ok")]
    assert verdicts("block", "no_consent") == before + 1
