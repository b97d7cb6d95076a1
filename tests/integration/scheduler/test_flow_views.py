"""`GET /v1/flows/{flow}` and its versions, for one merchant."""

import pytest

from services.scheduler import views
from shared.testing import make_scheduler
from tests.integration.scheduler.driver import SchedulerDriver

ONE = "/v1/flows/order-thank-you"


async def test_a_flow_is_shown_with_its_rules_steps_and_texts(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    story = (await driver.get(ONE)).json()
    assert (story["is_in_force"], story["planned_texts"], story["on"]) == (True, 2, "purchase")
    assert story["enter"] == {"rule": "once_per", "once_per": "trigger.subject", "every_seconds": None}
    assert story["cancel_on"] == [{"on": "refund", "when": "event.subject == trigger.subject"}]
    assert [step["kind"] for step in story["steps"]] == ["wait", "text", "wait", "text"]
    assert (story["steps"][0]["seconds"], story["steps"][2]["days"], story["steps"][2]["then_at"]) == (3600, 3, "10:00")
    english, spanish = story["steps"][1]["previews"]
    assert english["text"] == "Acme Coffee: Thanks Maria! Order #1042\nReply STOP to opt out"
    assert (spanish["locale"], spanish["parts"]["parts"]) == ("es", 1)
    (control,) = {story["control"], story["steps"][1]["control"]}
    assert control is None


async def test_controls_on_the_flow_and_on_a_step_are_said(driver: SchedulerDriver) -> None:
    for scope in ({"flow": "order-thank-you"}, {"flow": "order-thank-you", "step": "review"}):
        body = {"action": "pause", "scope": scope, "reason": "wrong words"}
        assert (await driver.http.post("/v1/controls", json=body, headers=driver.headers())).status_code == 202
    story = (await driver.get(ONE)).json()
    assert (story["control"]["covers"], story["steps"][3]["control"]["covers"]) == ("flow", "step")
    assert story["steps"][1]["control"] is None
    listed = {flow["flow"]: flow["control"] for flow in (await driver.get("/v1/flows")).json()["flows"]}
    assert listed["cart"] is None
    assert listed["order-thank-you"]["action"] == "pause"


async def test_versions_begin_with_the_one_in_force(driver: SchedulerDriver) -> None:
    before = (await driver.get(f"{ONE}/versions")).json()
    ((only,), in_force) = before["versions"], (await driver.get(ONE)).json()["version"]
    assert (only["version"], only["is_in_force"], only["first_started_at"]) == (in_force, True, None)
    await driver.hear(driver.trigger())
    (begun,) = (await driver.get(f"{ONE}/versions")).json()["versions"]
    assert (begun["version"], begun["first_started_at"] is None) == (in_force, False)
    assert begun["content"].startswith("flow: order-thank-you\n")


async def test_another_shop_finds_neither_the_flow_nor_its_versions(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    for path in (ONE, f"{ONE}/versions"):
        assert (await driver.get(path, make_scheduler.OTHER_MERCHANT)).status_code == 404


async def test_what_is_no_flow_is_not_found(driver: SchedulerDriver) -> None:
    await driver.ask(to="+12125550123", text="Hello", purpose="marketing")
    for name in ("nothing", "api", "answer", "..%2Fmerchant", "x" * 65):
        for path in (f"/v1/flows/{name}", f"/v1/flows/{name}/versions"):
            assert (await driver.get(path)).status_code in {404, 422}, path


async def test_a_rare_flow_is_searched_in_bounded_steps(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "LARGEST_PAGE", 2)
    monkeypatch.setattr(views, "_RUNS_LOOKED_AT", 2)
    await driver.hear(driver.trigger("checkout_started", subject="cart-1"))
    driver.clock.advance(minutes=1)
    await driver.hear(*(driver.trigger(subject=f"order-{n}") for n in range(3)))
    page = (await driver.get("/v1/enrollments?flow=cart")).json()
    assert page["enrollments"] == []
    page = (await driver.get(f"/v1/enrollments?flow=cart&cursor={page['next_cursor']}")).json()
    assert [run["flow"] for run in page["enrollments"]] == ["cart"]
