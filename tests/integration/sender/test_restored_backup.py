"""Crash point 16 of the send protocol: a database restored from a backup that is older than what was sent."""

from datetime import timedelta

from tests.integration.sender.driver import SenderDriver
from tests.integration.sender.test_crash_table import prove_absent


async def test_c16_a_restored_queue_is_asked_after_before_it_is_sent(driver: SenderDriver) -> None:
    snapshot = driver.clock.now()
    forgotten, fresh = driver.cleared(1), driver.cleared(2, phone="+12125550124")
    driver.clock.advance(seconds=1)
    await driver.hear(forgotten)
    await driver.send()  # this call is what the backup does not know of
    await driver.lose_everything_sent()
    await driver.hear(fresh)
    driver.clock.advance(seconds=60)
    driver.restarted(restored_at=snapshot)
    await driver.send()
    assert driver.provider.calls == 1
    await prove_absent(driver)
    driver.clock.advance(seconds=2)
    await driver.hear(driver.cleared(2, phone="+12125550124", follow_up_id=fresh.follow_up_id, release=2))
    await driver.send()  # the clearance ran out meanwhile: the gate is asked again
    await driver.hear(driver.cleared(2, phone="+12125550124", follow_up_id=fresh.follow_up_id, release=3))
    await driver.send()
    assert sorted(text.form["To"] for text in driver.provider.texts) == ["+12125550123", "+12125550124"]


async def test_c16_a_text_still_pending_in_the_backup_is_asked_after_too(driver: SenderDriver) -> None:
    due_at = snapshot = driver.clock.now()
    sent = driver.cleared(1, first_due_at=due_at)
    await driver.hear(sent)
    await driver.send()  # the backup was made before even the clearance
    assert driver.provider.calls == 1
    await driver.forget_everything()
    driver.clock.advance(seconds=60)
    driver.restarted(restored_at=snapshot)
    await driver.hear(driver.cleared(1, first_due_at=due_at, follow_up_id=sent.follow_up_id))
    await driver.send()
    assert driver.provider.calls == 1
    later = driver.clock.now() + timedelta(seconds=1)
    driver.clock.advance(seconds=1)
    await driver.hear(driver.cleared(2, phone="+12125550124", first_due_at=later))
    await driver.send()
    assert driver.provider.calls == 2  # what fell due after the restart was never sent before
