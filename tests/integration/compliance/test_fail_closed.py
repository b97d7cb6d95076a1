"""What cannot be read sends nothing: each text gets its reason, is counted, and stops none of its batch."""

from typing import Any

import pytest

from services.compliance import app, instruments, store
from shared.errors import DatabaseUnavailable
from shared.events.follow_up import FollowUpCleared
from shared.events.trigger import Contact
from shared.rules.table import UnreadableRules
from shared.testing.make_compliance import PHONE
from tests.integration.compliance.stage import Stage, only

BEN, CARA = "+12125550124", "+12125550125"


def verdicts(decision: str, reason: str) -> float:
    return float(instruments.VERDICTS.labels(decision, reason, "marketing")._value.get())


async def test_an_unreadable_table_blocks_the_whole_batch_with_its_reason_and_counts_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "load_rules", lambda: UnreadableRules("a slip of the pen"))
    stage.service = app.build(stage.ground.runtime)
    before = verdicts("block", "rules_unreadable")
    await stage.hear(stage.claim(), stage.claim(phone=BEN))
    answers = await stage.judged(stage.due("one"), stage.due("two", phone=BEN), stage.due("three", phone=CARA))
    assert only(*answers) == [("blocked", "rules_unreadable")] * 3
    assert verdicts("block", "rules_unreadable") == before + 3
    assert await stage.parked() == []


async def test_a_failing_store_clears_nothing_and_once_it_is_back_each_text_has_one_verdict(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.hear(stage.claim(), stage.claim(phone=BEN))
    people, failures = store.people, 0

    async def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise DatabaseUnavailable("the consent store is gone")
        return await people(*arguments, **options)

    monkeypatch.setattr(store, "people", failing)
    await stage.ground.publish(stage.due("one"), stage.due("two", phone=BEN))
    for _ in range(2):
        try:
            await stage.ground.settle(stage.service)
        except DatabaseUnavailable:
            assert not any(isinstance(event, FollowUpCleared) for event in await stage.ground.log_events())
    await stage.ground.settle(stage.service)
    assert failures > 2
    assert sorted(only(*await stage.verdicts())) == [("cleared", "ok"), ("cleared", "ok")]


async def test_a_zone_nobody_can_use_is_counted_and_the_number_decides(stage: Stage) -> None:
    def ignored() -> float:
        return float(instruments.IGNORED_FACTS.labels("time_zone")._value.get())

    await stage.hear(stage.claim())
    before = ignored()
    lost = Contact.model_construct(**{**Contact(phone=PHONE).model_dump(), "time_zone": "Mars/Phobos"})
    assert only(await stage.verdict("lost", contact=lost), await stage.verdict("known")) == [("cleared", "ok")] * 2
    assert ignored() == before + 1
    assert (await stage.records())[0].verdict.evidence.zones[0].zone == "America/New_York"


async def test_nobody_whose_consent_is_not_known_is_written_to(stage: Stage) -> None:
    before = verdicts("block", "no_consent")
    await stage.hear(stage.claim(phone=BEN))
    answers = await stage.judged(stage.due("stranger"), stage.due("friend", phone=BEN))
    assert sorted(only(*answers)) == [("blocked", "no_consent"), ("cleared", "ok")]
    assert verdicts("block", "no_consent") == before + 1
