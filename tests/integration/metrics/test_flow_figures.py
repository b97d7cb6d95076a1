"""`GET /v1/flow-figures` answers what each flow and step did, for one merchant."""

from shared.ids import MerchantId
from shared.testing.make_metrics import TextFacts
from tests.integration.metrics.conftest import Metrics
from tests.integration.metrics.test_api import DAY

PATH = "/v1/flow-figures"


async def test_figures_by_flow_and_step(metrics: Metrics) -> None:
    done, waiting = TextFacts(1), TextFacts(2)
    await metrics.take(
        *done.all_the_way(),
        done.click(),
        done.conversion(),
        waiting.planned(),
        TextFacts(3, step="review").planned(),
        TextFacts(3, step="review").cancelled(),
        *TextFacts(4, merchant_id=MerchantId("bolt"), flow="theirs").all_the_way(),
    )
    answer = await metrics.http.get(PATH, params=DAY)
    (flow,) = answer.json()["flows"]
    assert (flow["flow"], flow["entered"], flow["active"], flow["waiting"]) == ("order-thank-you", 2, 1, 1)
    assert (flow["sent"], flow["delivered"], flow["clicked"], flow["opted_out"]) == (1, 1, 1, 0)
    assert flow["revenue"] == flow["text_revenue"] == [{"currency": "USD", "minor": 4900}]
    assert flow["cost"] == [{"currency": "USD", "minor": 1}]
    steps = {step["step"]: step for step in flow["steps"]}
    assert steps["review"]["ended"] == [
        {"state": "cancelled", "reason": "refund", "words": "the purchase was refunded", "texts": 1}
    ]
    assert (steps["thanks"]["planned"], steps["review"]["planned"]) == (2, 1)


async def test_one_flow_is_asked_for_by_name(metrics: Metrics) -> None:
    await metrics.take(TextFacts(1).planned(), TextFacts(2, flow="cart").planned())
    answer = await metrics.http.get(PATH, params={**DAY, "flow": "cart"})
    assert [flow["flow"] for flow in answer.json()["flows"]] == ["cart"]
    assert (await metrics.http.get(PATH, params={**DAY, "flow": "x" * 65})).status_code == 422
    backwards = {"from": "2026-12-02T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    assert (await metrics.http.get(PATH, params=backwards)).status_code == 422
