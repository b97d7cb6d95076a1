"""The sender while the log does not answer: what was cleared goes on, and marketing stops in time."""

from typing import Any

import pytest

from shared.bus.kafka_faults import LogUnavailable
from shared.bus.local import LocalSource
from shared.bus.marks import HEARD_SECONDS, NothingToRelay
from shared.events.follow_up import FollowUpCancelled, Purpose
from shared.events.topics import CONSENT_LAG_SECONDS
from shared.testing import make, make_sender
from tests.integration.sender.desk import Desk


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


async def test_a_text_that_was_cleared_goes_although_the_log_is_silent(desk: Desk, silence: Silence) -> None:
    await desk.hear(desk.cleared(1))
    await desk.send()
    assert desk.provider.calls == 1
    assert silence.asked == 1


async def test_a_log_that_is_silent_is_not_asked_again_at_each_pass(desk: Desk, silence: Silence) -> None:
    for number in range(5):
        await desk.hear(desk.cleared(number, phone=f"+1212555012{number}"))
        await desk.send()
    assert desk.provider.calls == 5
    assert silence.asked == 1


async def test_marketing_stops_when_the_log_has_been_silent_for_too_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def marketing(number: int) -> Any:
        return desk.cleared(number, phone=f"+1212555012{number}", purpose=Purpose.MARKETING)

    await desk.hear(marketing(1))
    await desk.send()
    monkeypatch.setattr(LocalSource, "ends", Silence().ends)
    await desk.hear(marketing(2))
    await desk.send()
    assert desk.provider.calls == 2
    desk.clock.advance(seconds=CONSENT_LAG_SECONDS + 1)
    await desk.hear(marketing(5), desk.cleared(4, phone=make_sender.PERSON))
    await desk.send()
    assert [text.form["To"] for text in desk.provider.texts][2:] == [make_sender.PERSON]


async def test_marketing_waits_for_unread_news_of_its_own_person_and_of_nobody_else(desk: Desk) -> None:
    theirs = desk.cleared(1, purpose=Purpose.MARKETING)
    await desk.hear(theirs, desk.cleared(2, phone="+12125550122", purpose=Purpose.MARKETING))
    person = make_sender.recipient_id(desk.sealer)
    gone = make.event(FollowUpCancelled, follow_up_id=theirs.follow_up_id, recipient_id=person)
    await desk.house.publish(gone)
    await desk.send()
    assert [text.form["To"] for text in desk.provider.texts] == ["+12125550122"]
    await desk.house.settle(desk.sender.service)
    desk.clock.advance(seconds=2)
    await desk.send()
    assert desk.provider.calls == 1


async def test_what_is_no_marketing_does_not_wait_for_news(desk: Desk) -> None:
    await desk.hear(desk.cleared(1))
    await desk.house.publish(desk.cleared(3))
    await desk.send()
    assert desk.provider.calls == 1


@pytest.mark.parametrize("late", ["in_log", "heard"])
async def test_marketing_waits_while_a_service_is_late_in_passing_on_its_news(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    monkeypatch.setattr(NothingToRelay, late, lambda _self, _who: desk.clock.monotonic() - HEARD_SECONDS - 1)
    await desk.hear(
        desk.cleared(1, purpose=Purpose.MARKETING), desk.cleared(2, phone="+12125550122", purpose=Purpose.INFORMATIONAL)
    )
    await desk.send()
    assert [text.form["To"] for text in desk.provider.texts] == ["+12125550122"]
