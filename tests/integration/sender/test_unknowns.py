"""Unknown texts: what is known of them, and what somebody may say became of one."""

import asyncio
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from services.sender.settings import SenderSettings
from services.sender.tables import attempts, audit_tables, dispatches
from services.sender.unknowns import store
from shared.db.transaction import Transaction, WritePriority
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.follow_up import Purpose, ResendPolicy, SendPolicy
from shared.phone import masked
from shared.testing import make
from shared.testing.make_sender import API_KEY, PERSON
from tests.integration.sender.driver import SenderDriver, alarms

PATH = "/v1/dispatches/unknown"
ALL = {"Authorization": f"Bearer {API_KEY}"}
READER = {"Authorization": f"Bearer {API_KEY}_{make.MERCHANT}_reader"}
HORIZON = SenderSettings().horizon_hours


async def unknown(driver: SenderDriver, texts: int = 1, **changes: Any) -> None:
    """Let calls end without an answer: the texts may be at the provider, or not."""
    driver.provider.script.extend(["drop"] * texts)
    for number in range(1, texts + 1):
        await driver.hear(driver.cleared(number, phone=f"+1212555{122 + number:04}", **changes))
    await driver.send()


async def listed(driver: SenderDriver, headers: dict[str, str] = ALL, **query: Any) -> dict[str, Any]:
    answer = await driver.http.get(PATH, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def resolve(driver: SenderDriver, text: dict[str, Any], outcome: str, **more: Any) -> httpx2.Response:
    body = {"attempt_id": text["attempt_id"], "outcome": outcome, "reason": "I looked at the provider", **more}
    return await driver.http.post(f"/v1/dispatches/{text['follow_up_id']}/resolve", json=body, headers=ALL)


async def entered(driver: SenderDriver) -> list[str]:
    rows = await driver.harness.rows(
        sa.select(audit_tables.entries.c.canonical).order_by(audit_tables.entries.c.position)
    )
    return [bytes(row["canonical"]).decode() for row in rows]


async def test_what_is_known_is_listed_and_the_number_is_shown_to_whom_may_see_it(driver: SenderDriver) -> None:
    await unknown(driver)
    [text] = (await listed(driver, READER))["unknown"]
    assert (text["to"], text["seen"], text["is_given_up"], text["answer"]) == (
        masked(PERSON),
        "disconnected",
        False,
        None,
    )
    assert await entered(driver) == []
    await driver.reconcile(minutes=3)
    [text] = (await listed(driver))["unknown"]
    assert (text["to"], text["answer"]) == (PERSON, "not_listed")
    assert text["asked_at"] == text["absent_since"] < text["asked_again_at"] < text["gives_up_at"]
    [shown] = await entered(driver)
    assert '"unknowns.revealed"' in shown
    assert PERSON not in shown


async def test_a_provider_that_does_not_answer_is_told_as_such(driver: SenderDriver) -> None:
    await unknown(driver)
    driver.provider.listing_works = False
    await driver.reconcile(minutes=3)
    [text] = (await listed(driver))["unknown"]
    assert (text["answer"], text["absent_since"]) == ("no_answer", None)


async def test_pages_hold_each_text_once_and_the_count_is_bounded(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unknown(driver, 5)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await listed(driver, READER, limit=2, **cursor)
        seen += [text["attempt_id"] for text in page["unknown"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(set(seen)) == len(seen) == 5
    assert page["count"] == 5
    monkeypatch.setattr(store, "COUNT", store.count_of(3))
    assert (await listed(driver, READER))["count"] == 3
    for query in ("limit=0", "limit=101", "cursor=x"):
        assert (await driver.http.get(f"{PATH}?{query}", headers=ALL)).status_code == 422


async def test_said_to_be_sent_with_the_providers_id_it_is_accepted_and_never_asked_again(
    driver: SenderDriver,
) -> None:
    await unknown(driver)
    [text] = (await listed(driver))["unknown"]
    answer = await resolve(driver, text, "sent", provider_message_id="SM123")
    assert (answer.status_code, answer.json()["attempt_state"], answer.json()["state"]) == (200, "accepted", "accepted")
    [event] = await driver.published(DispatchAccepted)
    assert (event.provider_message_id, event.reconciled) == ("SM123", True)
    assert (await listed(driver)) == {"unknown": [], "count": 0, "next_cursor": None}
    await driver.reconcile(hours=1)
    assert [row["state"] for row in await driver.attempts()] == ["accepted"]
    [_shown, said] = await entered(driver)
    assert '"unknown.resolved"' in said
    assert "SM123" not in said
    # As after an answer that was lost: the same again changes nothing and is entered once.
    assert (await resolve(driver, text, "sent", provider_message_id="SM123")).json() == answer.json()
    other = await resolve(driver, text, "sent", provider_message_id="SM124")
    assert (other.status_code, other.json()["code"]) == (409, "already_concluded")
    assert len(await entered(driver)) == 2


async def test_said_to_be_sent_without_an_id_it_counts_as_sent_and_a_receipt_still_proves_it(
    driver: SenderDriver,
) -> None:
    driver.provider.script.append("accept_then_drop")
    await driver.hear(driver.cleared())
    await driver.send()
    driver.provider.listing_works = False
    [text] = (await listed(driver))["unknown"]
    assert (await resolve(driver, text, "sent")).json()["attempt_state"] == "assumed_sent"
    assert (await resolve(driver, text, "sent")).status_code == 200
    [event] = await driver.published(DispatchUnknown)
    assert event.reason == "said_sent"
    assert (await listed(driver))["unknown"] == []
    assert (await driver.http.post(**driver.provider.texts[0].receipt("delivered"))).status_code == 200
    assert [(row["state"], row["status"]) for row in await driver.attempts()] == [("accepted", "delivered")]


async def test_said_not_to_be_sent_it_ends_and_nothing_is_sent_again_unless_that_is_asked_for(
    driver: SenderDriver,
) -> None:
    await unknown(driver)
    [text] = (await listed(driver))["unknown"]
    early = await resolve(driver, text, "not_sent")
    assert (early.status_code, early.json()["code"]) == (409, "too_early")
    driver.clock.advance(minutes=3)
    assert (await resolve(driver, text, "not_sent")).json()["attempt_state"] == "proven_absent"
    [failed] = await driver.published(DispatchFailed)
    assert (failed.reason, failed.accepted, failed.retry_at) == ("said_not_sent", False, None)
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_text_that_may_go_again_asks_the_gate_again(driver: SenderDriver) -> None:
    await unknown(driver, policy=SendPolicy(resend=ResendPolicy.RESEND_WHEN_ABSENT))
    driver.clock.advance(minutes=3)
    [text] = (await listed(driver))["unknown"]
    assert text["may_be_sent_again"] is True
    assert (await resolve(driver, text, "not_sent", send_again=True)).json()["retry_at"] is not None
    [failed] = await driver.published(DispatchFailed)
    assert failed.retry_at == driver.clock.now()
    await driver.send()
    assert driver.provider.calls == 1  # the gate decides first


async def test_marketing_is_never_sent_again_whatever_somebody_says(driver: SenderDriver) -> None:
    policy = SendPolicy(resend=ResendPolicy.AT_MOST_ONCE)
    await unknown(driver, purpose=Purpose.MARKETING, policy=policy)
    driver.clock.advance(minutes=3)
    [text] = (await listed(driver))["unknown"]
    assert text["may_be_sent_again"] is False
    refused = await resolve(driver, text, "not_sent", send_again=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_sent_again")
    assert [row["state"] for row in await driver.attempts()] == ["unknown"]


async def given_up(driver: SenderDriver) -> dict[str, Any]:
    """Let the reconciler give up, and return the text as it is listed."""
    await unknown(driver)
    driver.provider.listing_works = False
    await driver.reconcile(hours=HORIZON, minutes=5)
    [text] = (await listed(driver))["unknown"]
    assert (text["is_given_up"], text["asked_again_at"], text["to"]) == (True, None, None)
    return dict(text)


@pytest.mark.parametrize(
    ("outcome", "more", "state"),
    [
        ("sent", {}, "assumed_sent"),
        ("sent", {"provider_message_id": "SM9"}, "accepted"),
        ("not_sent", {}, "proven_absent"),
    ],
)
async def test_what_was_given_up_is_listed_until_somebody_says_what_became_of_it(
    driver: SenderDriver, outcome: str, more: dict[str, Any], state: str
) -> None:
    text = await given_up(driver)
    before = alarms("late_proof")
    if outcome == "not_sent":
        again = await resolve(driver, text, "not_sent", send_again=True)
        assert (again.status_code, again.json()["code"]) == (409, "not_sent_again")
    assert (await resolve(driver, text, outcome, **more)).json()["attempt_state"] == state
    assert (await listed(driver))["unknown"] == []
    assert alarms("late_proof") == before  # nobody has to be told what they said themselves
    assert len(await driver.published(DispatchUnknown)) == 1


async def test_an_id_that_another_text_to_the_person_has_is_not_taken(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1))
    await driver.send()
    [sent] = driver.provider.texts
    driver.provider.script.append("drop")
    await driver.hear(driver.cleared(2, text="Another one"))
    await driver.send()
    [text] = (await listed(driver))["unknown"]
    refused = await resolve(driver, text, "sent", provider_message_id=sent.sid)
    assert (refused.status_code, refused.json()["code"]) == (409, "id_taken")


async def test_somebody_and_the_listing_at_once_conclude_it_once(driver: SenderDriver) -> None:
    driver.provider.script.append("accept_then_drop")
    await driver.hear(driver.cleared())
    await driver.send()
    [text] = (await listed(driver))["unknown"]
    driver.clock.advance(minutes=3)
    answer, _ = await asyncio.gather(resolve(driver, text, "not_sent"), driver.sender.reconciler.step())
    [attempt] = await driver.attempts()
    assert (answer.status_code, attempt["state"]) in {(200, "proven_absent"), (409, "accepted"), (200, "accepted")}
    assert driver.provider.calls == 1


@pytest.mark.parametrize(
    "body",
    [
        {"outcome": "not_sent", "provider_message_id": "SM1"},
        {"outcome": "sent", "send_again": True},
        {"outcome": "sent", "provider_message_id": "<b>"},
        {"outcome": "sent", "provider_message_id": "x" * 65},
        {"outcome": "sent", "reason": " "},
        {"outcome": "sent", "reason": "x" * 501},
        {"outcome": "perhaps"},
    ],
)
async def test_what_does_not_fit_is_refused(driver: SenderDriver, body: dict[str, Any]) -> None:
    await unknown(driver)
    [text] = (await listed(driver))["unknown"]
    whole = {"attempt_id": text["attempt_id"], "reason": "looked", **body}
    answer = await driver.http.post(f"/v1/dispatches/{text['follow_up_id']}/resolve", json=whole, headers=ALL)
    assert answer.status_code == 422


async def give_away(driver: SenderDriver) -> None:
    """Let every text be another merchant's."""

    async def work(tx: Transaction) -> None:
        for table in (attempts, dispatches):
            await tx.execute(sa.update(table).values(merchant_id="other"))

    await driver.harness.runtime.database.write(work, WritePriority.BATCHES)


async def test_another_merchants_texts_and_unknown_ids_are_not_found(driver: SenderDriver) -> None:
    await unknown(driver)
    [text] = (await listed(driver))["unknown"]
    assert (await resolve(driver, {**text, "attempt_id": text["follow_up_id"]}, "sent")).status_code == 404
    assert (await resolve(driver, {**text, "follow_up_id": text["attempt_id"]}, "sent")).status_code == 404
    body = {"attempt_id": text["attempt_id"], "outcome": "sent", "reason": "looked"}
    path = f"/v1/dispatches/{text['follow_up_id']}/resolve"
    assert (await driver.http.post(path, json=body, headers=READER)).status_code == 403
    await give_away(driver)
    assert (await listed(driver))["unknown"] == []
    assert (await resolve(driver, text, "sent")).status_code == 404


async def test_nothing_of_a_resolution_is_stored_if_its_entry_cannot_be(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await unknown(driver)
    [text] = (await listed(driver, READER))["unknown"]

    async def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("shared.db.audit_store.append", dies)
        with pytest.raises(RuntimeError, match="killed"):
            await resolve(driver, text, "sent")
    assert [row["state"] for row in await driver.attempts()] == ["unknown"]
    assert await driver.published(DispatchUnknown) == []
