"""A merchant is told of errors in its files, once for each state of them and day, by whichever process sees them."""

from services.connectors.notifications.file_watch import FileWatch
from tests.integration.connectors.driver import ALL_EVENTS, ConnectorsDriver, data_of, endpoint, write_merchant
from tests.web_receiver import WebReceiver


def watch_of(driver: ConnectorsDriver) -> FileWatch:
    runtime = driver.harness.runtime
    return FileWatch(runtime.units, runtime.merchants, driver.connectors.planner)


def listens(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    events = ALL_EVENTS.replace("]", ", files.not_in_force]")
    write_merchant(driver.merchants_folder, "acme", endpoint("helpdesk", receiver.url("/acme"), events))
    driver.harness.runtime.merchants.reload_if_changed()


def breaks(driver: ConnectorsDriver, text: str = "flow: [\n") -> None:
    flows = driver.merchants_folder / "acme" / "flows"
    flows.mkdir(exist_ok=True)
    (flows / "win-back.yaml").write_text(text, encoding="utf-8")
    driver.harness.runtime.merchants.reload_if_changed()


async def test_a_file_that_is_not_in_force_is_told_once_by_all_processes_and_again_the_next_day(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    listens(driver, receiver)
    first, rival = watch_of(driver), watch_of(driver)
    await first.step()
    assert await driver.states() == []

    breaks(driver)
    for watch in (first, rival, first):
        await watch.step()
        driver.clock.advance(seconds=61)
    await driver.deliver_all()

    [request] = receiver.requests
    assert "win-back.yaml, line" in data_of(request)["sentence"]
    assert "last good version stays in force" in data_of(request)["sentence"]
    driver.clock.advance(days=1)
    await first.step()
    await driver.deliver_all()
    assert len(receiver.requests) == 2


async def test_another_mistake_is_told_too_and_a_mended_file_is_quiet(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    listens(driver, receiver)
    watch = watch_of(driver)
    breaks(driver)
    await watch.step()
    breaks(driver, "flow: win-back\nsteps: nothing\n")
    await watch.step()
    (driver.merchants_folder / "acme" / "flows" / "win-back.yaml").unlink()
    driver.harness.runtime.merchants.reload_if_changed()
    await watch.step()
    await driver.deliver_all()

    assert len(receiver.requests) == 2


async def test_no_merchant_is_told_of_anothers_files(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    listens(driver, receiver)
    (driver.merchants_folder / "other" / "merchant.yaml").write_text("merchant: [", encoding="utf-8")
    driver.harness.runtime.merchants.reload_if_changed()
    await watch_of(driver).step()
    await driver.deliver_all()

    assert receiver.requests == []
