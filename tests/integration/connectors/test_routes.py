"""The routes of notifications: pages, decisions with their entries in the audit log, and walls between merchants."""

from http import HTTPStatus

import pytest

from tests.integration.connectors.driver import ConnectorsDriver, data_of
from tests.web_receiver import WebReceiver

GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
UNKNOWN = "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f"


async def actions(driver: ConnectorsDriver) -> list[tuple[str, str | None]]:
    entries = (await driver.get("/v1/audit/connectors")).json()["entries"]
    return [(entry["action"], entry["reason"]) for entry in entries]


async def test_the_list_goes_on_where_a_page_ended(driver: ConnectorsDriver) -> None:
    await driver.hear(*(driver.reply(number) for number in range(1, 6)))

    first = (await driver.get("/v1/deliveries?limit=3")).json()
    second = (await driver.get(f"/v1/deliveries?limit=3&cursor={first['next_cursor']}")).json()

    shown = [delivery["id"] for delivery in (*first["deliveries"], *second["deliveries"])]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 5
    assert second["next_cursor"] is None


async def test_a_state_lists_what_is_in_it(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: GONE
    await driver.hear(driver.reply(1))
    await driver.deliver()
    await driver.hear(driver.reply(2))

    [dead] = (await driver.get("/v1/deliveries?state=dead")).json()["deliveries"]
    [pending] = (await driver.get("/v1/deliveries?state=pending")).json()["deliveries"]
    assert (await driver.get("/v1/endpoints")).json()["given_up"] == 1
    assert (await driver.get("/v1/endpoints", "other")).json()["given_up"] == 0

    assert (dead["problem"], dead["attempts"], dead["next_at"]) == ("http_410", 1, None)
    assert (pending["problem"], pending["attempts"], pending["type"]) == (None, 0, "reply.received")
    assert (await driver.get("/v1/deliveries?state=lost")).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


async def test_no_merchant_sees_or_changes_what_is_anothers(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: GONE
    await driver.hear(driver.reply())
    await driver.deliver()
    [dead] = await driver.deliveries()
    path = f"/v1/deliveries/{dead['delivery_id']}"

    assert (await driver.get("/v1/deliveries", "other")).json()["deliveries"] == []
    assert (await driver.post(f"{path}/redrive", merchant="other")).status_code == HTTPStatus.NOT_FOUND
    assert (await driver.post(f"{path}/discard", {"reason": "x"}, "other")).status_code == HTTPStatus.NOT_FOUND
    assert await driver.states() == ["dead"]


async def test_what_is_discarded_is_sent_no_more_and_says_why_in_the_audit_log(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    await driver.hear(driver.reply())
    [waiting] = await driver.deliveries()

    answer = await driver.post(f"/v1/deliveries/{waiting['delivery_id']}/discard", {"reason": "they called us"})
    await driver.deliver_all()

    assert answer.json()["state"] == "discarded"
    assert receiver.requests == []
    assert [row["body"] for row in await driver.deliveries()] == [b""]
    assert await actions(driver) == [("notification.discarded", "they called us")]


async def test_a_decision_that_does_not_fit_the_state_is_refused_and_leaves_no_entry(
    driver: ConnectorsDriver,
) -> None:
    await driver.hear(driver.reply())
    await driver.deliver()
    [done] = await driver.deliveries()
    path = f"/v1/deliveries/{done['delivery_id']}"

    for answer in (await driver.post(f"{path}/redrive"), await driver.post(f"{path}/discard", {"reason": "x"})):
        assert answer.status_code == HTTPStatus.CONFLICT
        assert answer.json()["code"] == "wrong_state"
    assert (await driver.post(f"/v1/deliveries/{UNKNOWN}/redrive")).status_code == HTTPStatus.NOT_FOUND
    assert await actions(driver) == []


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "x" * 501, None, 5])
async def test_a_reason_is_one_line_of_text(driver: ConnectorsDriver, reason: object) -> None:
    answer = await driver.post(f"/v1/deliveries/{UNKNOWN}/discard", {"reason": reason})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


async def test_a_test_reaches_its_endpoint_whatever_it_asks_for_and_no_other_merchant(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    answer = await driver.post("/v1/endpoints/helpdesk/test")
    await driver.deliver()

    assert answer.status_code == HTTPStatus.ACCEPTED
    assert (answer.json()["type"], answer.json()["state"]) == ("test", "pending")
    [request] = receiver.requests
    assert driver.is_genuine(request)
    assert request.line == "POST /acme HTTP/1.1"
    assert data_of(request)["endpoint"] == "helpdesk"
    assert await actions(driver) == [("endpoint.tested", None)]


async def test_tests_of_an_endpoint_are_braked(driver: ConnectorsDriver) -> None:
    answers = [await driver.post("/v1/endpoints/helpdesk/test") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [HTTPStatus.ACCEPTED] * 5 + [HTTPStatus.TOO_MANY_REQUESTS] * 2
    assert answers[-1].headers["retry-after"] == "10"
    assert (await driver.post("/v1/endpoints/helpdesk/test", merchant="other")).status_code == HTTPStatus.ACCEPTED
    driver.clock.advance(seconds=11)
    assert (await driver.post("/v1/endpoints/helpdesk/test")).status_code == HTTPStatus.ACCEPTED


@pytest.mark.parametrize("name", ["nobody", "Helpdesk", "help%20desk", "x" * 80])
async def test_an_endpoint_that_is_not_there_is_not_tested(driver: ConnectorsDriver, name: str) -> None:
    answer = await driver.post(f"/v1/endpoints/{name}/test")
    assert answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
