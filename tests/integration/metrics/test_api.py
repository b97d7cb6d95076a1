"""Every figure opens to the rows that add up to it."""

from datetime import timedelta
from typing import Any

import pytest

from services.metrics import fact_rows
from shared.ids import MerchantId
from shared.testing.clock import START
from shared.testing.make_days import days_at_a_shop
from shared.testing.make_metrics import NO_SCOPE_KEY, OTHER_KEY, TextFacts
from tests.integration.metrics.conftest import Metrics

DAY = {"from": START.isoformat(), "to": (START + timedelta(days=1)).isoformat()}

ABOUT_PEOPLE = {
    "customer_retention_rate",
    "repeat_purchase_rate",
    "revenue_churn",
    "lifetime_value",
    "ltv_to_cac",
    "net_promoter_score",
}
"""Distinct customers over two periods; their rows are the orders that were looked at."""


async def kpis(metrics: Metrics, **query: str) -> list[dict[str, Any]]:
    answer = await metrics.http.get("/v1/kpis", params=DAY | query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["kpis"]
    return found


async def kpi(metrics: Metrics, name: str, **query: str) -> dict[str, Any]:
    return next(found for found in await kpis(metrics, **query) if found["name"] == name)


async def rows(metrics: Metrics, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    following = address
    while True:
        page = (await metrics.http.get(following)).json()
        found += page["rows"]
        if page["next"] is None:
            return found
        following = f"{address}&cursor={page['next']}"


async def test_the_delivery_rate_is_delivered_over_accepted(metrics: Metrics) -> None:
    await metrics.take(*TextFacts(1).all_the_way(), *TextFacts(2).all_the_way()[:-1])
    found = await kpi(metrics, "delivery_rate")
    assert (found["value"], found["numerator"], found["denominator"]) == (0.5, 1, 2)
    assert found["formula"] == "delivered / accepted"


async def test_nothing_delivered_is_null_and_not_zero(metrics: Metrics) -> None:
    assert (await kpi(metrics, "delivery_rate"))["value"] is None


@pytest.mark.parametrize("by", [None, "flow", "day", "hour", "weekday", "segment", "number", "provider", "version"])
async def test_every_number_equals_the_rows_behind_it(metrics: Metrics, by: str | None) -> None:
    await metrics.take(*days_at_a_shop(START + timedelta(days=1), 40, 1.0))
    for found in await kpis(metrics, **({"by": by} if by else {})):
        if found["name"] in ABOUT_PEOPLE:
            continue
        factor = 1000 if found["unit"] == "seconds" else 10_000 if found["name"] == "cost" else 1
        total = sum(row["value"] for row in await rows(metrics, found["rows"]))
        assert total == pytest.approx(found["numerator"] * factor), found
        if found["denominator_rows"]:
            assert sum(row["value"] for row in await rows(metrics, found["denominator_rows"])) == found["denominator"]


async def test_pages_of_rows_hold_each_row_once(metrics: Metrics) -> None:
    await metrics.take(*(TextFacts(n).planned() for n in range(1, 26)))
    address = f"/v1/facts?measure=planned&limit=7&from={DAY['from'].replace('+', '%2B')}"
    found = await rows(metrics, address)
    assert len(found) == len({row["event_id"] for row in found}) == 25


async def test_rare_rows_lie_behind_pages_without_any(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    await metrics.take(*(event for n in range(1, 13) for event in TextFacts(n).all_the_way()))
    monkeypatch.setattr(fact_rows, "MOST_SCANNED", 5)
    monkeypatch.setattr(fact_rows, "_SCANNED_AT_ONCE", 5)
    address = f"/v1/facts?measure=planned&flow=no-such-flow&from={DAY['from'].replace('+', '%2B')}"
    page = (await metrics.http.get(address)).json()
    assert (page["rows"], page["next"] is None) == ([], False)
    assert DAY["from"] <= page["searched_to"]
    assert await rows(metrics, address) == []
    assert len(await rows(metrics, address.replace("&flow=no-such-flow", ""))) == 12


async def test_rows_say_what_all_of_their_pages_add_up_to_in_words(metrics: Metrics) -> None:
    ones = [TextFacts(n, flow="win-back") for n in (1, 2, 3)]
    await metrics.take(*(fact for text in ones for fact in text.all_the_way()), *TextFacts(4).all_the_way())
    one = {**DAY, "measure": "delivered", "flow": "win-back", "limit": "1"}
    found = (await metrics.http.get("/v1/facts", params=one)).json()
    assert len(found["rows"]) == 1
    assert (found["counted"]["number"], found["counted"]["words"]) == ("3", "texts delivered")
    assert found["rows"][0]["counts"] == "1"
    assert (await metrics.http.get("/v1/facts", params=DAY)).json()["counted"] is None


async def test_the_overview_shows_a_period_beside_the_one_before(metrics: Metrics) -> None:
    now = metrics.clock.now()
    today, earlier = TextFacts(1, now - timedelta(hours=3)), TextFacts(2, now - timedelta(hours=27))
    await metrics.take(*today.all_the_way(), *earlier.all_the_way(), TextFacts(3, now - timedelta(hours=2)).planned())
    found = (await metrics.http.get("/v1/overview")).json()
    planned = next(figure for figure in found["figures"] if figure["name"] == "planned")
    assert (planned["value"], planned["before"], sum(planned["by_bar"])) == (2, 1, 2)
    assert len(found["bars"]) == len(planned["by_bar"]) == 24
    (bar,) = [bar for bar in found["bars"] if bar["delivered"]]
    assert (bar["before"], sum(each["before"] for each in found["bars"])) == (1, 1)
    counts = {state["state"]: state["count"] for state in found["states"]}
    assert (counts["delivered"], counts["pending"], sum(counts.values())) == (2, 1, 3)
    assert found["feed"][0]["at"] >= found["feed"][-1]["at"]
    foreign = await metrics.http.get("/v1/overview", headers={"Authorization": f"Bearer {OTHER_KEY}"})
    assert (foreign.json()["feed"], sum(state["count"] for state in foreign.json()["states"])) == ([], 0)


async def test_flows_are_distinguished(metrics: Metrics) -> None:
    await metrics.take(*TextFacts(1).all_the_way(), *TextFacts(2, flow="abandoned-cart").all_the_way())
    found = [each for each in await kpis(metrics, by="flow") if each["name"] == "delivered"]
    assert {each["group"]: each["value"] for each in found if each["value"]} == {
        "abandoned-cart": 1,
        "order-thank-you": 1,
    }


async def test_a_shop_sees_nothing_of_another(metrics: Metrics) -> None:
    other = TextFacts(merchant_id=MerchantId("bolt"))
    await metrics.take(*other.all_the_way())
    assert (await kpi(metrics, "delivered"))["value"] == 0
    assert (await metrics.http.get("/v1/facts", params=DAY)).json()["rows"] == []
    assert (await metrics.http.get(f"/v1/journeys/{other.follow_up_id}")).status_code == 404
    own = await metrics.http.get(f"/v1/journeys/{other.follow_up_id}", headers={"Authorization": f"Bearer {OTHER_KEY}"})
    assert own.status_code == 200


@pytest.mark.parametrize("path", ["/v1/kpis", "/v1/overview", "/v1/facts", f"/v1/journeys/{TextFacts().follow_up_id}"])
async def test_a_key_without_the_scope_reads_nothing(metrics: Metrics, path: str) -> None:
    forbidden = await metrics.http.get(path, headers={"Authorization": f"Bearer {NO_SCOPE_KEY}acme"})
    unknown = await metrics.http.get(path, headers={"Authorization": "Bearer fu_nobody"})
    assert (forbidden.status_code, unknown.status_code) == (403, 401)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-12-02T00:00:00Z", "to": "2026-12-01T00:00:00Z"},
        {"from": "2026-12-01T00:00:00"},
        {"from": "2000-01-01T00:00:00Z"},
        {"by": "colour"},
        {"by": "day", "from": "2026-01-01T00:00:00Z", "to": "2026-07-01T00:00:00Z"},
        {"cac_minor": "0"},
    ],
)
async def test_a_question_without_an_answer_is_refused(metrics: Metrics, query: dict[str, str]) -> None:
    answer = await metrics.http.get("/v1/kpis", params=query)
    assert answer.status_code == 422
    assert answer.json()["code"] in {"invalid_request", "window_too_long"}


@pytest.mark.parametrize("query", [{"cursor": "!"}, {"measure": "in_state"}, {"measure": "joy"}])
async def test_rows_that_do_not_exist_are_refused(metrics: Metrics, query: dict[str, str]) -> None:
    assert (await metrics.http.get("/v1/facts", params=query)).status_code == 422


async def test_customers_who_came_back_are_retained(metrics: Metrics) -> None:
    yesterday = START - timedelta(hours=12)
    await metrics.take(
        TextFacts(1, yesterday, person=1).purchase(),
        TextFacts(2, yesterday, person=2).purchase(minor=1000),
        TextFacts(3, person=1).purchase(),
        TextFacts(4, person=3).purchase(),
    )
    found = await kpi(metrics, "customer_retention_rate")
    assert (found["value"], found["numerator"], found["denominator"]) == (50, 1, 2)
    assert (await kpi(metrics, "repeat_purchase_rate"))["value"] == 0.5
    churn = await kpi(metrics, "revenue_churn")
    assert churn["value"] == pytest.approx(1000 / 5900 * 100)
    assert (await kpi(metrics, "average_order_value"))["value"] == 4900
    assert (await kpi(metrics, "ltv_to_cac"))["value"] is None
    assert (await kpi(metrics, "ltv_to_cac", cac_minor="1575"))["value"] == pytest.approx(15700 / 3 / 1575)


async def test_an_order_of_two_sources_counts_once_and_a_cancelled_one_never(metrics: Metrics) -> None:
    mine, others = TextFacts(1, person=1).purchase(), TextFacts(2, person=2).purchase(minor=1000)
    again = mine.model_copy(update={"event_id": TextFacts(3).trigger_id, "source": "api"})
    gone = others.model_copy(update={"event_id": TextFacts(4).trigger_id, "kind": "cancellation"})
    await metrics.take(gone, mine)
    await metrics.take(again, others)
    assert (await kpi(metrics, "average_order_value"))["value"] == 4900
    assert (await kpi(metrics, "average_order_value"))["denominator"] == 1
    repeat = await kpi(metrics, "repeat_purchase_rate")
    assert (repeat["numerator"], repeat["denominator"]) == (0, 1)


async def test_money_given_back_is_no_value(metrics: Metrics) -> None:
    bought = [TextFacts(number, person=number).purchase() for number in (1, 2, 3, 4)]
    amounts: list[dict[str, Any]] = [{"amount_minor": 900}, {"amount_minor": None}, {"currency": "EUR"}]
    back = [
        each.model_copy(update={"event_id": TextFacts(10 + place).trigger_id, "kind": "refund", **changes})
        for place, (each, changes) in enumerate(zip(bought[:3], amounts, strict=True))
    ]
    added = {"event_id": TextFacts(20).trigger_id, "kind": "order_edited", "amount_minor": 1000}
    await metrics.take(*bought, *back, bought[3].model_copy(update=added))
    found = await kpi(metrics, "average_order_value")
    assert (found["numerator"], found["denominator"]) == (4000 + 0 + 0 + 5900, 4)


async def test_a_journey_shows_cause_verdict_rule_and_end(metrics: Metrics) -> None:
    text = TextFacts()
    until = START + timedelta(hours=20)
    await metrics.take(
        *text.all_the_way()[:3],
        text.deferred(until, rules=("US-FL",)),
        text.due(until, 2),
        text.blocked(until, 2, reason="opted_out"),
        text.opted_out(START + timedelta(hours=2)),
    )
    story = (await metrics.http.get(f"/v1/journeys/{text.follow_up_id}")).json()
    assert (story["state"], story["reason"]) == ("blocked", "opted_out")
    assert [step["type"] for step in story["events"]] == [
        "trigger.received",
        "follow-up.planned",
        "follow-up.due",
        "follow-up.deferred",
        "consent.changed",
        "follow-up.due",
        "follow-up.blocked",
    ]
    deferred = story["events"][3]
    assert (deferred["service"], deferred["verdict"], deferred["reason"]) == ("compliance", "defer", "quiet_hours")
    assert deferred["summary"].startswith("Deferred until")
    assert deferred["rule"].startswith("US-FL")


async def test_a_dispatch_without_a_receipt_is_unconfirmed_after_three_days(metrics: Metrics) -> None:
    text = TextFacts()
    await metrics.take(*text.all_the_way()[:-1])
    assert (await metrics.http.get(f"/v1/journeys/{text.follow_up_id}")).json()["state"] == "dispatched"
    metrics.clock.advance(days=3)
    assert (await metrics.http.get(f"/v1/journeys/{text.follow_up_id}")).json()["state"] == "unconfirmed"


async def test_a_timeline_holds_what_happened_to_a_person_whatever_flow_it_belongs_to(metrics: Metrics) -> None:
    first, second = TextFacts(), TextFacts(2)
    later = START + timedelta(hours=2)
    await metrics.take(*first.all_the_way(), *second.all_the_way()[:3], first.opted_out(later))
    person = first.due().recipient_id
    answer = await metrics.http.get(f"/v1/timelines/{person}")
    steps = answer.json()["steps"]
    assert answer.status_code == 200, answer.text
    assert [step["at"] for step in steps] == sorted((step["at"] for step in steps), reverse=True)
    types = [step["type"] for step in steps]
    assert types[0] == "consent.changed"
    assert {"trigger.received", "dispatch.accepted", "dispatch.delivered"} <= {*types}
    assert not {"follow-up.planned", "follow-up.due", "follow-up.cleared"} & {*types}
    accepted = next(step for step in steps if step["type"] == "dispatch.accepted")
    assert accepted["follow_up_id"] == str(first.follow_up_id)
    other = await metrics.http.get(f"/v1/timelines/{person}", headers={"Authorization": f"Bearer {OTHER_KEY}"})
    nobody = await metrics.http.get(f"/v1/timelines/{first.follow_up_id}")
    assert (other.status_code, nobody.status_code) == (404, 404)


async def test_a_link_that_a_stranger_opens_all_day_makes_no_story_longer(metrics: Metrics) -> None:
    text, later = TextFacts(), START + timedelta(days=1)
    clicks = [text.click(n, later + timedelta(minutes=n)) for n in range(300)]
    await metrics.take(*text.all_the_way(), *clicks)
    steps = (await metrics.http.get(f"/v1/timelines/{text.due().recipient_id}")).json()["steps"]
    assert len(steps) == 100
    story = (await metrics.http.get(f"/v1/journeys/{text.follow_up_id}")).json()["events"]
    assert [step["type"] for step in story].count("click.recorded") == 100
    assert {"follow-up.planned", "dispatch.delivered"} <= {step["type"] for step in story}
    assert [step["at"] for step in steps[:2]] == [f"{clicks[n].occurred_at:%Y-%m-%dT%H:%M:%SZ}" for n in (299, 298)]


async def test_an_unknown_journey_is_not_found(metrics: Metrics) -> None:
    answer = await metrics.http.get(f"/v1/journeys/{TextFacts(9).follow_up_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
