"""The list of messages: every follow-up, the newest first, by filter, in bounded pages."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from services.metrics import message_store
from services.metrics.message_store import MessageFilter, MessageScope
from services.metrics.messages import MessageQuery, load_messages
from services.metrics.settings import MetricsSettings
from services.metrics.tables import follow_ups
from shared.ids import MerchantId, RecipientId
from shared.testing.clock import START
from shared.testing.make_metrics import MERCHANT, NO_SCOPE_KEY, OTHER_KEY, TextFacts
from shared.vocabulary.follow_up_states import FollowUpState
from tests.integration.metrics.conftest import Metrics


async def listed(metrics: Metrics, key: str | None = None, **query: Any) -> list[str]:
    """Return the ids of a list, from all its pages."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    found: list[str] = []
    while True:
        answer = await metrics.http.get("/v1/messages", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [each["follow_up_id"] for each in page["messages"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def ids(*texts: TextFacts) -> list[str]:
    return [str(text.follow_up_id) for text in texts]


async def test_every_state_is_listed_the_newest_first_and_every_page_goes_on(metrics: Metrics) -> None:
    texts = [TextFacts(n, START + timedelta(minutes=n)) for n in range(1, 6)]
    await metrics.take(*texts[0].all_the_way(), texts[1].planned(), *texts[2].all_the_way()[:-1])
    await metrics.take(texts[3].blocked(), texts[4].unknown())
    assert await listed(metrics) == ids(*reversed(texts))
    assert await listed(metrics, limit=2) == ids(*reversed(texts))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"state": "delivered"}, [1]),
        ({"state": "pending"}, [4, 2]),
        ({"state": "blocked"}, [3]),
        ({"reason": "no_consent"}, [3]),
        ({"flow": "win-back"}, [4]),
        ({"number": "+12025550109"}, [5]),
        ({"provider": "other"}, [6]),
        ({"state": "unconfirmed"}, []),
        ({"state": "dispatched"}, [6]),
        ({"from": (START + timedelta(minutes=5)).isoformat()}, [6, 5]),
        ({"to": (START + timedelta(minutes=2)).isoformat()}, [1]),
        ({"flow": "no such flow"}, []),
        ({"recipient": str(TextFacts(4).recipient_id)}, [4]),
        ({"recipient": str(TextFacts(4).recipient_id), "state": "delivered"}, []),
    ],
)
async def test_a_filter_finds_what_it_says(metrics: Metrics, query: dict[str, str], expected: list[int]) -> None:
    def at(n: int, **changes: str) -> TextFacts:
        return TextFacts(n, START + timedelta(minutes=n), **changes)  # type: ignore[arg-type] # names of a text's words

    texts = {n: at(n) for n in (1, 2, 3)}
    texts |= {4: at(4, flow="win-back"), 5: at(5, number="+12025550109"), 6: at(6, provider="other")}
    await metrics.take(
        *texts[1].all_the_way(),
        texts[2].planned(),
        texts[3].blocked(),
        texts[4].planned(),
        texts[5].planned(),
        texts[5].expired(),
        texts[6].planned(),
        texts[6].accepted(),
    )
    assert await listed(metrics, **query) == ids(*(texts[n] for n in expected))


async def test_a_dispatch_without_a_receipt_is_listed_as_unconfirmed_in_time(metrics: Metrics) -> None:
    text = TextFacts()
    await metrics.take(*text.all_the_way()[:-1])
    assert await listed(metrics, state="dispatched") == ids(text)
    metrics.clock.advance(days=4)
    assert await listed(metrics, state="dispatched") == []
    assert await listed(metrics, state="unconfirmed") == ids(text)


async def test_two_shops_never_see_each_others(metrics: Metrics) -> None:
    own, other = TextFacts(1), TextFacts(1, merchant_id=MerchantId("bolt"))
    await metrics.take(own.planned(), other.planned())
    assert await listed(metrics) == ids(own)
    assert await listed(metrics, key=OTHER_KEY) == ids(other)
    assert await listed(metrics, recipient=str(other.recipient_id)) == []
    assert await listed(metrics, id=ids(own, other)) == ids(own)
    refused = await metrics.http.get("/v1/messages", headers={"Authorization": f"Bearer {NO_SCOPE_KEY}acme"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        {"state": "lost"},
        {"limit": 501},
        {"limit": 0},
        {"cursor": "nonsense"},
        {"from": "yesterday"},
        {"from": "2026"},
        {"from": "0001-01-01T00:00:00Z"},
        {"recipient": "+12125550123"},
        {"id": ["00000000-0000-8000-8000-000000000000"] * 51},
        {"flow": "x" * 201},
    ],
)
async def test_a_question_that_cannot_be_is_refused(metrics: Metrics, query: dict[str, Any]) -> None:
    assert (await metrics.http.get("/v1/messages", params=query)).status_code == 422


async def test_a_page_looks_at_so_many_and_says_how_far_back_that_was(metrics: Metrics) -> None:
    texts = [TextFacts(n, START + timedelta(minutes=n)) for n in range(1, 7)]
    await metrics.take(texts[0].planned(), *[fact for text in texts[1:] for fact in text.all_the_way()])
    query = MessageQuery(MessageFilter(flow="order-thank-you", reason="nowhere"), 10)
    settings, zone = MetricsSettings(), ZoneInfo("UTC")

    async def page(query: MessageQuery) -> Any:
        return await metrics.harness.runtime.units.read(
            lambda db: load_messages(db, MERCHANT, query, metrics.clock.now(), settings, zone, most_searched=4)
        )

    first = await page(query)
    assert first.messages == []
    assert first.searched_back_to == texts[2].at
    last = await page(MessageQuery(query.wanted, 10, first.next_cursor))
    assert (last.next_cursor, last.searched_back_to) == (None, None)
    # What is planned is few among many delivered: its index leads to it, however long ago that was.
    planned = await page(MessageQuery(MessageFilter(state=FollowUpState.PENDING), 10))
    assert [each.follow_up_id for each in planned.messages] == [texts[0].follow_up_id]


@pytest.mark.parametrize("state", [None, FollowUpState.DELIVERED, FollowUpState.BLOCKED])
@pytest.mark.parametrize("person", [None, TextFacts().recipient_id])
async def test_a_page_is_read_along_an_index(
    metrics: Metrics, state: FollowUpState | None, person: RecipientId | None
) -> None:
    scope = MessageScope(MERCHANT, person, MessageFilter(state, reason="x"), START)
    walked = message_store._walked(scope, TextFacts().follow_up_id).order_by(follow_ups.c.follow_up_id.desc())
    plan = await metrics.harness.plan(sa.select(walked.limit(100).subquery()))
    assert "SCAN metrics_follow_ups" not in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan
