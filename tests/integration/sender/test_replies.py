"""Replies: a STOP is on disk before the provider gets its answer, and only the ledger's echo lifts it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared import failpoints
from shared.db.transaction import Transaction, WritePriority
from shared.errors import DatabaseUnavailable
from shared.events.consent import ConsentAct, ConsentChanged, ConsentReported, ScopeSnapshot, SuppressionCause
from shared.events.dispatch import DispatchFailed
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.events.follow_up import Purpose
from shared.testing import make, make_sender
from tests.integration.sender.driver import SenderDriver

OPEN = ScopeSnapshot(status="pewc")


def changed(driver: SenderDriver, epoch: int, **changes: Any) -> ConsentChanged:
    fields = {
        "recipient_id": make_sender.recipient_id(driver.sealer),
        "marketing": OPEN,
        "informational": OPEN,
        "act": ConsentAct.RESTORED,
        "epoch": epoch,
        **changes,
    }
    return make.event(ConsentChanged, **fields)


async def test_a_stop_after_the_clearance_keeps_the_text_back(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    answer = await driver.reply("Please stop texting me")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Message" not in answer.text
    await driver.send()
    assert driver.provider.calls == 0
    (failed,) = await driver.published(DispatchFailed)
    assert (failed.reason, failed.error_class) == ("suppressed", "opted_out")
    (reported,) = await driver.published(ConsentReported)
    assert (reported.act, reported.keyword_seq) == (ConsentAct.REVOKED, 1)
    (heard,) = await driver.published(ReplyReceived)
    assert heard.reply_class is ReplyClass.OPT_OUT


async def test_a_reply_brought_twice_counts_once(driver: SenderDriver) -> None:
    await driver.reply("STOP", sid="SM-1")
    await driver.reply("STOP", sid="SM-1")
    assert len(await driver.published(ReplyReceived)) == 1
    assert (await driver.people())[0]["keyword_seq"] == 1


@pytest.mark.parametrize("purpose", [Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION])
async def test_answers_reach_a_person_who_opted_out(driver: SenderDriver, purpose: Purpose) -> None:
    await driver.reply("STOP")
    await driver.hear(driver.cleared(purpose=purpose))
    await driver.send()
    assert driver.provider.calls == 1


async def test_an_old_start_arriving_after_a_new_stop_lifts_nothing(driver: SenderDriver) -> None:
    await driver.reply("STOP", sid="SM-1")
    await driver.reply("START", sid="SM-2")
    await driver.reply("STOP", sid="SM-3")
    assert [r.keyword_seq for r in await driver.published(ConsentReported)] == [1, 2, 3]
    await driver.hear(changed(driver, 2, keyword_seq=2))
    assert (await driver.people())[0]["suppressed"] == "opt_out"
    await driver.hear(changed(driver, 3, keyword_seq=3, suppressed=SuppressionCause.OPT_OUT, act=ConsentAct.REVOKED))
    await driver.hear(driver.cleared())
    await driver.send()
    assert driver.provider.calls == 0


async def test_a_start_lifts_when_the_ledger_echoes_its_number(driver: SenderDriver) -> None:
    await driver.reply("STOP", sid="SM-1")
    await driver.reply("START", sid="SM-2")
    assert (await driver.people())[0]["suppressed"] == "opt_out"
    await driver.hear(changed(driver, 2, keyword_seq=2))
    await driver.hear(driver.cleared())
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_revocation_through_another_entry_point_acts_and_an_older_one_does_not(driver: SenderDriver) -> None:
    revoked = ScopeSnapshot(status="revoked")
    await driver.hear(changed(driver, 5, marketing=revoked, act=ConsentAct.REVOKED))
    await driver.hear(changed(driver, 4))
    await driver.hear(driver.cleared(1, purpose=Purpose.MARKETING), driver.cleared(2, phone="+12125550124"))
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts] == ["+12125550124"]


@pytest.mark.parametrize("driver", [{"scope": "marketing_only"}], indirect=True)
async def test_a_shop_may_let_stop_end_marketing_only(driver: SenderDriver) -> None:
    await driver.reply("STOP")
    await driver.hear(
        driver.cleared(1, purpose=Purpose.MARKETING),
        driver.cleared(2, purpose=Purpose.TRANSACTIONAL, text="Order sent"),
    )
    await driver.send()
    assert [text.form["Body"] for text in driver.provider.texts] == ["Acme: Order sent"]


async def test_a_wrong_number_is_suppressed_with_its_cause(driver: SenderDriver) -> None:
    await driver.reply("Wrong number, sorry")
    (reported,) = await driver.published(ConsentReported)
    assert reported.cause is SuppressionCause.WRONG_PERSON
    assert (await driver.people())[0]["suppressed"] == "wrong_person"


async def test_a_doubtful_reply_holds_marketing_until_a_decision(driver: SenderDriver) -> None:
    await driver.reply("cancel my subscription")
    (heard,) = await driver.published(ReplyReceived)
    assert heard.needs_review
    await driver.hear(driver.cleared(1, purpose=Purpose.MARKETING))
    await driver.send()
    assert [failed.reason for failed in await driver.published(DispatchFailed)] == ["needs_review"]
    # A grant that a shop's sync reports decides nothing: it has read no reply.
    await driver.hear(changed(driver, 1, act=ConsentAct.GRANTED), driver.cleared(2, purpose=Purpose.MARKETING))
    await driver.send()
    assert driver.provider.calls == 0
    await driver.hear(changed(driver, 2, act=ConsentAct.CONFIRMED), driver.cleared(3, purpose=Purpose.MARKETING))
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_reply_names_the_text_it_answers_and_rests_sealed(driver: SenderDriver) -> None:
    cleared = driver.cleared()
    await driver.hear(cleared)
    await driver.send()
    await driver.reply("Thanks a lot, Ana")
    (heard,) = await driver.published(ReplyReceived)
    assert (heard.follow_up_id, heard.reply_class) == (cleared.follow_up_id, ReplyClass.OTHER)
    assert heard.correlation_id == cleared.correlation_id
    stored = await driver.harness.stored()
    assert cleared.correlation_id.encode() in stored
    assert b"Thanks a lot" not in stored
    assert b"2125550123" not in stored


async def test_only_a_stop_that_changes_nothing_repeats_an_opt_out(driver: SenderDriver) -> None:
    for number, text in enumerate(("Hello", "STOP", "HELP", "Stop!", "stop please")):
        await driver.reply(text, f"SM-in-{number}")
    heard = await driver.published(ReplyReceived)
    assert [each.repeats_opt_out for each in heard] == [False, False, False, True, True]


async def test_the_first_stop_by_text_repeats_no_opt_out_that_came_through_another_entry_point(
    driver: SenderDriver,
) -> None:
    revoked = ScopeSnapshot(status="revoked")
    everything = {"marketing": revoked, "informational": revoked, "suppressed": SuppressionCause.OPT_OUT}
    await driver.hear(changed(driver, 1, act=ConsentAct.REVOKED, **everything))
    await driver.reply("STOP", "SM-in-1")
    await driver.reply("STOP", "SM-in-2")
    assert [each.repeats_opt_out for each in await driver.published(ReplyReceived)] == [False, True]


async def test_a_stop_after_a_start_repeats_nothing_even_where_the_start_lifted_nothing(driver: SenderDriver) -> None:
    for number, text in enumerate(("STOP", "START", "STOP")):
        await driver.reply(text, f"SM-in-{number}")
    stops = [each for each in await driver.published(ReplyReceived) if each.reply_class is ReplyClass.OPT_OUT]
    assert [each.repeats_opt_out for each in stops] == [False, False]


@pytest.mark.parametrize("driver", [{"answers": "provider"}], indirect=True)
@pytest.mark.parametrize(("text", "answered"), [("STOP", True), ("stop please", False)])
async def test_only_what_the_provider_answers_itself_is_left_to_it(
    driver: SenderDriver, text: str, *, answered: bool
) -> None:
    await driver.reply(text)
    (heard,) = await driver.published(ReplyReceived)
    assert heard.provider_answers is answered


async def test_a_stop_that_could_not_be_stored_is_not_answered_as_if(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = driver.harness.runtime.database.write

    async def down(work: Callable[[Transaction], Awaitable[Any]], priority: WritePriority) -> Any:
        if priority is WritePriority.STOP:
            raise DatabaseUnavailable
        return await write(work, priority)

    monkeypatch.setattr(driver.harness.runtime.database, "write", down)
    assert (await driver.reply("STOP")).status_code == 503


async def test_a_reply_whose_commit_died_is_taken_when_it_is_brought_again(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_TRAPS", failpoints._armed("sender.before_reply_commit=raise"))
    with pytest.raises(failpoints.FailpointReached):
        await driver.reply("STOP")
    assert await driver.published(ReplyReceived) == []
    await driver.reply("STOP")
    assert len(await driver.published(ReplyReceived)) == 1


async def test_texts_already_handed_over_are_counted_at_a_stop(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.cleared())
    monkeypatch.setattr(failpoints, "_TRAPS", failpoints._armed("sender.after_call=raise"))
    await driver.send()
    await driver.reply("STOP")
    assert (await driver.people())[0]["in_flight_at_stop"] == 1


async def test_a_reply_without_a_valid_signature_is_refused(driver: SenderDriver) -> None:
    form = {"MessageSid": "SM-1", "From": "+12125550123", "To": "+12025550100", "Body": "STOP"}
    answer = await driver.http.post(**make_sender.signed_post(make_sender.replies_url(), form, token="guessed"))
    assert answer.status_code == 401
    assert await driver.people() == []


async def test_a_stop_with_a_nul_in_it_is_a_stop_and_is_stored_cleanly(driver: SenderDriver) -> None:
    answer = await driver.reply("ST\0OP", "SM\0-in-1")
    assert answer.status_code == 200
    assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
    assert [row["provider_message_id"] for row in await driver.replies()] == ["SM-in-1"]
    assert [report.act for report in await driver.published(ConsentReported)] == [ConsentAct.REVOKED]
