"""A flow's file is deleted, changed or put back while texts of it are planned."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.scheduler.removed_flows.loop import FlowFilesLoop
from services.scheduler.runs.versions import Versions
from services.scheduler.tables import flow_files
from shared.config.directory import MerchantDirectory
from shared.events.control import ControlChanged
from shared.testing import make_scheduler
from tests.integration.scheduler.driver import SchedulerDriver
from tests.integration.scheduler.test_controls import change, shown, work

FLOW = "order-thank-you"


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    return tmp_path / "merchants" / "acme" / "flows"


def loop_of(driver: SchedulerDriver) -> FlowFilesLoop:
    step = next(loop._step for loop in driver.service.loops if loop.name == "flow-files")
    loop = step.__self__  # type: ignore[attr-defined] # a bound method
    assert isinstance(loop, FlowFilesLoop)
    return loop


async def look(driver: SchedulerDriver, *others: FlowFilesLoop, seconds: int = 0) -> None:
    """Read the files again and compare, every ten seconds up to so many later."""
    for later in range(0, seconds + 1, 10):
        if later:
            driver.clock.advance(seconds=10)
        driver.harness.runtime.merchants.reload_if_changed()
        for loop in (loop_of(driver), *others):
            await loop.step()


async def removed(driver: SchedulerDriver, flows: Path) -> None:
    """Plan the two texts of a purchase, and delete their flow's file for more than a minute."""
    await look(driver)
    await driver.hear(driver.trigger())
    (flows / f"{FLOW}.yaml").unlink()
    await look(driver, seconds=70)


async def in_force(driver: SchedulerDriver) -> list[tuple[str, str, str, str]]:
    return [(each["action"], each["scope"]["flow"], each["made_by"], each["reason"]) for each in await shown(driver)]


PAUSED = [("pause", FLOW, "files", "the flow was removed from the files")]


async def test_the_texts_of_a_removed_flow_are_paused_after_a_minute(driver: SchedulerDriver, flows: Path) -> None:
    await look(driver)
    await driver.hear(driver.trigger())
    (flows / f"{FLOW}.yaml").unlink()
    await look(driver, seconds=50)
    assert await in_force(driver) == []
    await look(driver, seconds=20)
    assert await in_force(driver) == PAUSED
    await driver.fire(hours=1)
    assert await driver.dues() == []
    assert (await driver.states())[0] == ("pending", "texts_paused")


async def test_a_pause_is_made_once_and_by_one_process(driver: SchedulerDriver, flows: Path) -> None:
    other = FlowFilesLoop(driver.harness.runtime.units, driver.harness.runtime.merchants, Versions(), driver.sealer)
    await look(driver, other)
    await driver.hear(driver.trigger())
    (flows / f"{FLOW}.yaml").unlink()
    await look(driver, other, seconds=300)
    assert await in_force(driver) == PAUSED
    assert len(await driver.published(ControlChanged)) == 1


async def test_a_process_that_still_has_the_file_keeps_the_flow(
    driver: SchedulerDriver, flows: Path, tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "merchants", tmp_path / "old")
    runtime = driver.harness.runtime
    old = FlowFilesLoop(runtime.units, MerchantDirectory.load(tmp_path / "old", {}), Versions(), driver.sealer)
    await look(driver, old)
    await driver.hear(driver.trigger())
    (flows / f"{FLOW}.yaml").unlink()
    await look(driver, old, seconds=300)
    assert await in_force(driver) == []
    await look(driver, seconds=70)  # it has ended
    assert await in_force(driver) == PAUSED


async def test_a_process_that_stood_still_lifts_nothing_by_its_old_files(
    driver: SchedulerDriver, flows: Path, tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "merchants", tmp_path / "old")
    directory = MerchantDirectory.load(tmp_path / "old", {})
    old = FlowFilesLoop(driver.harness.runtime.units, directory, Versions(), driver.sealer)
    await look(driver, old)
    await removed(driver, flows)
    await old.step()
    assert await in_force(driver) == PAUSED


async def test_a_pause_that_a_person_lifted_is_not_put_again_by_any_process(
    driver: SchedulerDriver, flows: Path
) -> None:
    await removed(driver, flows)
    await change(driver, "resume", {"flow": FLOW})
    await look(driver, seconds=120)
    runtime = driver.harness.runtime
    restarted = FlowFilesLoop(runtime.units, runtime.merchants, Versions(), driver.sealer)
    await look(driver, restarted, seconds=120)
    assert await in_force(driver) == []
    await driver.fire(hours=1)
    assert [due.step for due in await driver.dues()] == ["thanks"]


async def test_a_flow_that_comes_back_goes_on_by_itself(driver: SchedulerDriver, flows: Path) -> None:
    await removed(driver, flows)
    await driver.fire(hours=1)
    (flows / "again.yaml").write_text(make_scheduler.THANK_YOU.replace("Order", "Your order"), encoding="utf-8")
    await look(driver)  # it stood still for an hour: it compares the next time
    await look(driver, seconds=10)
    assert await in_force(driver) == []
    (ended,) = await shown(driver, "/v1/controls?state=all")
    assert (ended["lifted_by"], ended["lift_reason"]) == ("files", "it is in the files again")
    await work(driver)
    await driver.fire()
    assert [due.step for due in await driver.dues()] == ["thanks"]


async def test_a_flow_that_is_removed_a_second_time_is_paused_again(driver: SchedulerDriver, flows: Path) -> None:
    await removed(driver, flows)
    await change(driver, "resume", {"flow": FLOW})
    path = flows / f"{FLOW}.yaml"
    path.write_text(make_scheduler.THANK_YOU, encoding="utf-8")
    await look(driver, seconds=10)
    path.unlink()
    await look(driver, seconds=80)
    assert await in_force(driver) == PAUSED


async def test_a_person_s_own_pause_stays_theirs(driver: SchedulerDriver, flows: Path) -> None:
    await change(driver, "pause", {"flow": FLOW})
    await removed(driver, flows)
    assert await in_force(driver) == [("pause", FLOW, "all", "wrong code")]
    await change(driver, "resume", {"flow": FLOW})
    await look(driver, seconds=120)
    assert await in_force(driver) == []


async def test_a_stop_leaves_nothing_to_pause(driver: SchedulerDriver, flows: Path) -> None:
    await removed(driver, flows)
    await change(driver, "stop", {"flow": FLOW})
    await work(driver)
    assert {state for state, _ in await driver.states()} == {"cancelled"}
    await look(driver, seconds=10)
    assert await in_force(driver) == [("stop", FLOW, "all", "wrong code")]
    assert await loop_of(driver).worry() is None


async def test_a_file_that_does_not_parse_is_no_removed_flow(driver: SchedulerDriver, flows: Path) -> None:
    await look(driver)
    await driver.hear(driver.trigger())
    (flows / f"{FLOW}.yaml").write_text("flow: [", encoding="utf-8")
    await look(driver, seconds=120)
    assert await in_force(driver) == []
    assert FLOW in {each["flow"] for each in (await driver.get("/v1/flows")).json()["flows"]}


async def test_a_removed_flow_without_planned_texts_asks_nothing_of_anybody(
    driver: SchedulerDriver, flows: Path
) -> None:
    await look(driver)
    (flows / f"{FLOW}.yaml").unlink()
    await look(driver, seconds=120)
    assert await in_force(driver) == []
    assert (await driver.get("/v1/flows")).json()["removed"] == []


async def test_a_merchant_whose_folder_is_gone_is_paused_as_a_whole_until_it_is_back(
    driver: SchedulerDriver, tmp_path: Path
) -> None:
    await look(driver)
    await driver.hear(driver.trigger())
    await driver.ask(to=make_scheduler.PHONE, text="Ready.", purpose="transactional", due_in="1h")
    away = tmp_path / "away"
    shutil.move(tmp_path / "merchants" / "acme", away)
    await look(driver, seconds=70)
    await driver.fire(hours=1)
    assert await driver.dues() == []
    worry = await loop_of(driver).worry()
    assert worry is not None
    assert "the merchant acme (3)" in worry
    shutil.move(away, tmp_path / "merchants" / "acme")
    await look(driver)
    await look(driver, seconds=10)
    assert await shown(driver) == []
    await work(driver)
    await driver.fire()
    assert len(await driver.dues()) == 2


async def test_the_list_of_flows_shows_what_was_removed_and_its_control(driver: SchedulerDriver, flows: Path) -> None:
    await removed(driver, flows)
    answer = (await driver.get("/v1/flows")).json()
    assert [(each["flow"], each["planned_texts"]) for each in answer["flows"]] == [("cart", 0)]
    (gone,) = answer["removed"]
    (control,) = await shown(driver)
    assert (gone["flow"], gone["planned_texts"]) == (FLOW, 2)
    assert gone["control"] == {
        "control_id": control["control_id"],
        "action": "pause",
        "made_at": control["made_at"],
        "until": None,
        "covers": "flow",
    }
    assert (await driver.get("/v1/flows", make_scheduler.OTHER_MERCHANT)).json() == {"flows": [], "removed": []}


async def test_an_operator_is_told_what_was_removed_and_the_two_answers(driver: SchedulerDriver, flows: Path) -> None:
    assert await loop_of(driver).worry() is None
    await removed(driver, flows)
    await look(driver)
    (worry,) = [await worry() for worry in driver.service.worries]
    assert worry is not None
    assert f"acme --flow {FLOW} (2)" in worry
    assert "`followup resume` finishes them, `followup stop` cancels them" in worry


async def test_what_changed_is_said_with_the_texts_that_are_planned(
    driver: SchedulerDriver, flows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[Mapping[str, Any]] = []

    def hear(event: str, **words: Any) -> None:
        lines.append({"event": event, **words})

    monkeypatch.setattr("services.scheduler.removed_flows.loop.log.info", hear)
    monkeypatch.setattr("services.scheduler.removed_flows.loop.log.warning", hear)
    await look(driver)
    await driver.hear(driver.trigger())
    lines.clear()
    cart = flows / "cart.yaml"
    cart.write_text(make_scheduler.CART.replace("30m", "40m"), encoding="utf-8")
    (flows / "extra.yaml").write_text(make_scheduler.CART.replace("flow: cart", "flow: extra"), encoding="utf-8")
    (flows / f"{FLOW}.yaml").unlink()
    await look(driver, seconds=70)
    said, warned = lines
    assert said == {
        "event": "flow_files_changed",
        "changed": ["acme/cart"],
        "added": ["acme/extra"],
        "missing": [f"acme/{FLOW} (2 texts planned)"],
    }
    assert (warned["event"], warned["flow"], warned["planned_texts"]) == ("flow_removed_and_paused", FLOW, 2)


async def test_a_process_that_dies_before_its_commit_leaves_the_removal_to_the_next(
    driver: SchedulerDriver, flows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(driver)
    await driver.hear(driver.trigger())
    (flows / f"{FLOW}.yaml").unlink()
    await look(driver, seconds=50)

    async def dies(*_: Any) -> None:
        raise RuntimeError("died")

    with monkeypatch.context() as patched:
        patched.setattr("services.scheduler.removed_flows.store.save_known", dies)
        with pytest.raises(RuntimeError):
            await look(driver, seconds=20)
    assert await in_force(driver) == []
    await look(driver)
    assert await in_force(driver) == PAUSED
    rows = await driver.harness.rows(sa.select(flow_files).where(flow_files.c.flow == FLOW))
    assert [row["control_id"] is not None for row in rows] == [True]
