"""What an erasure leaves at the sender, and that no sealed value is opened for another person."""

import sqlalchemy as sa

from services.sender.reconciliation.decision import body_sha256, keyed_body_hash
from services.sender.tables import dispatches, recipients
from shared import aad
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import RecipientErased
from shared.events.dispatch import DispatchAccepted, DispatchFailed
from shared.events.trigger import Contact
from shared.ids import MerchantId
from shared.phone import E164
from shared.testing import make, make_sender
from tests.integration.sender.driver import SenderDriver


async def test_an_erased_person_gets_nothing_whichever_came_first(driver: SenderDriver) -> None:
    late = driver.cleared(2)
    erased = make.event(
        RecipientErased, recipient_id=make_sender.recipient_id(driver.sealer), occurred_at=driver.clock.now()
    )
    await driver.hear(driver.cleared(1), erased, late)
    await driver.send()
    assert driver.provider.calls == 0
    assert {failed.reason for failed in await driver.published(DispatchFailed)} == {"erased"}
    assert all(row["contact"] is None and row["body"] is None for row in await driver.dispatches())


async def test_the_hash_of_a_text_that_went_does_not_outlive_the_persons_erasure(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1))
    await driver.send()
    [before] = await driver.attempts()
    await driver.hear(
        make.event(
            RecipientErased, recipient_id=make_sender.recipient_id(driver.sealer), occurred_at=driver.clock.now()
        )
    )
    [after] = await driver.attempts()
    assert (before["state"], bool(before["body_sha256"])) == ("accepted", True)
    assert (after["state"], after["body_sha256"]) == ("accepted", b"")
    [person] = await driver.harness.rows(sa.select(recipients))
    assert person["text_key"] is None


async def test_the_hash_of_a_text_is_kept_under_a_key_of_the_persons_and_disclosed_to_no_other(
    driver: SenderDriver,
) -> None:
    """Two people are sent the same words: nothing kept or published says so, and no guess at the words fits."""
    await driver.hear(driver.cleared(1, text="Hello"), driver.cleared(2, text="Hello", phone="+12125550199"))
    for _ in range(3):
        await driver.send()
        driver.clock.advance(seconds=2)
    words = {text.form["Body"] for text in driver.provider.texts}
    kept = [bytes(row["body_sha256"]) for row in await driver.attempts()]
    assert len(words) == 1
    assert len(set(kept)) == len(kept) == 2
    assert not {body_sha256(each) for each in words} & set(kept)
    assert {event.body_sha256 for event in await driver.published(DispatchAccepted)} == {each.hex() for each in kept}


async def test_who_was_known_before_there_were_keys_gets_one_with_their_next_text(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1))

    async def as_before(uow: UnitOfWork) -> None:
        await uow.db.execute(sa.update(recipients).values(text_key=None))

    await driver.harness.runtime.units.run(as_before, WritePriority.BATCHES)
    await driver.send()
    [person] = await driver.harness.rows(sa.select(recipients))
    [attempt] = await driver.attempts()
    assert person["text_key"]
    [text] = driver.provider.texts
    assert attempt["body_sha256"] == keyed_body_hash(person["text_key"], body_sha256(text.form["Body"]))


async def test_a_sealed_number_that_was_moved_to_another_persons_row_is_never_called(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1))
    theirs = aad.contact(make_sender.recipient_id(driver.sealer, "+12125550199"))
    others = driver.sealer.seal(
        MerchantId(make.MERCHANT), theirs, Contact(phone=E164("+12125550199")).model_dump_json().encode()
    )

    async def move(uow: UnitOfWork) -> None:
        await uow.db.execute(sa.update(dispatches).values(contact=others))

    await driver.harness.runtime.units.run(move, WritePriority.BATCHES)
    await driver.send()
    assert driver.provider.calls == 0
    assert {failed.reason for failed in await driver.published(DispatchFailed)} == {"unreadable"}
