"""The sender while the log does not answer: what was cleared goes on, and marketing stops in time."""

from typing import Any

import pytest

from shared.bus.errors import LogUnavailable
from shared.bus.local import LocalSource
from shared.bus.marks import HEARD_SECONDS, AlwaysInLog
from shared.events.follow_up import FollowUpCancelled, Purpose
from shared.testing import make, make_sender
from tests.integration.sender.driver import SenderDriver


class Silence:
    """Stands for a log that does not answer, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    async def ends(self, *_: Any) -> Any:
        self.asked += 1
        raise LogUnavailable


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Silence:
    silence = Silence()
    monkeypatch.setattr(LocalSource, "ends", silence.ends)
    return silence


async def test_a_text_that_was_cleared_goes_although_the_log_is_silent(driver: SenderDriver, silence: Silence) -> None:
    await driver.hear(driver.cleared(1))
    await driver.send()
    assert driver.provider.calls == 1
    assert silence.asked == 1


async def test_a_log_that_is_silent_is_not_asked_again_at_each_pass(driver: SenderDriver, silence: Silence) -> None:
    for number in range(5):
        await driver.hear(driver.cleared(number, phone=f"+1212555012{number}"))
        await driver.send()
    assert driver.provider.calls == 5
    assert silence.asked == 1


async def test_marketing_stops_when_the_log_has_been_silent_for_too_long(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def marketing(number: int) -> Any:
        return driver.cleared(number, phone=f"+1212555012{number}", purpose=Purpose.MARKETING)

    await driver.hear(marketing(1))
    await driver.send()
    monkeypatch.setattr(LocalSource, "ends", Silence().ends)
    await driver.hear(marketing(2))
    await driver.send()
    assert driver.provider.calls == 2
    driver.clock.advance(seconds=31)
    await driver.hear(marketing(5), driver.cleared(4, phone=make_sender.PERSON))
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts][2:] == [make_sender.PERSON]


async def test_marketing_waits_for_unread_events_of_its_own_person_and_of_no_other(driver: SenderDriver) -> None:
    theirs = driver.cleared(1, purpose=Purpose.MARKETING)
    await driver.hear(theirs, driver.cleared(2, phone="+12125550122", purpose=Purpose.MARKETING))
    person = make_sender.recipient_id(driver.sealer)
    cancelled = make.event(FollowUpCancelled, follow_up_id=theirs.follow_up_id, recipient_id=person)
    await driver.harness.publish(cancelled)
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts] == ["+12125550122"]
    await driver.harness.settle(driver.service)
    driver.clock.advance(seconds=2)
    await driver.send()
    assert driver.provider.calls == 1


async def test_what_is_no_marketing_does_not_wait_for_news(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1))
    await driver.harness.publish(driver.cleared(3))
    await driver.send()
    assert driver.provider.calls == 1


@pytest.mark.parametrize("late", ["in_log", "heard"])
async def test_marketing_waits_while_a_service_is_late_in_passing_on_its_news(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    monkeypatch.setattr(AlwaysInLog, late, lambda _self, _who: driver.clock.monotonic() - HEARD_SECONDS - 1)
    await driver.hear(
        driver.cleared(1, purpose=Purpose.MARKETING),
        driver.cleared(2, phone="+12125550122", purpose=Purpose.INFORMATIONAL),
    )
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts] == ["+12125550122"]
