"""Files that break: nothing starts on them, nothing in force is lost to them, and what is fixed takes effect."""

from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from services.demo.environment import RunningDemo
from shared.config.directory import MerchantDirectory
from shared.errors import ConfigurationFault
from shared.testing.process import Process, application_process, free_port, write_shop
from shared.testing.waiting import until

FLOW = """\
flow: thanks
on: purchase
steps:
  - text: thanks
    purpose: transactional
    body: {en: "Thanks!"}
"""
SECOND_FLOW = FLOW.replace("flow: thanks", "flow: second")
BROKEN: list[tuple[str, str, str, str]] = [
    ("flows/flow.yaml", "steps:", "stepps:", "flow.yaml:3: unknown field 'stepps'; did you mean 'steps'?"),
    ("flows/flow.yaml", "on: purchase", "on: purchse", "flow.yaml:2: "),
    ("flows/flow.yaml", "transactional", "transactionell", "flow.yaml:5: "),
    ("flows/flow.yaml", '"Thanks!"', '"Thanks {{ recipient.firstname }}!"', "flow.yaml:6: "),
    ("flows/flow.yaml", '"Thanks!"', '"Thanks {{ recipient.first_name"', "flow.yaml:6: "),
    ("flows/flow.yaml", "on: purchase", "on: [purchase", "flow.yaml:3: "),
    ("flows/flow.yaml", FLOW, "", "flow.yaml:1: "),
    ("flows/flow.yaml", FLOW, "\t- x", "flow.yaml:1: "),
    ("merchant.yaml", "brand: Acme Coffee", "brnd: Acme Coffee", "merchant.yaml:3: "),
    ("merchant.yaml", "+12025550100", "12", "merchant.yaml:17: "),
    ("merchant.yaml", "env: E2E_SHOPIFY_SECRET", "env: E2E_NOT_SET", "merchant.yaml:8: "),
]


def broken_shop(folder: Path, file: str, good: str, bad: str) -> Path:
    merchants = write_shop(folder, application="http://127.0.0.1:1", provider="http://127.0.0.1:2", flow=FLOW)
    path = merchants / "acme" / file
    text = path.read_text(encoding="utf-8")
    assert good in text
    path.write_text(text.replace(good, bad), encoding="utf-8")
    return merchants


async def refusal(folder: Path, merchants: Path, **environment: str) -> str:
    """Start an application that must refuse to, and return what it said."""
    application: Process = application_process(folder, free_port(), merchants, **environment)
    await application.start()
    try:
        assert await application.ended(20) == 1
    finally:
        await application.stop()
    return application.log.read_text(encoding="utf-8")


async def test_an_application_does_not_start_on_a_broken_file_and_names_file_line_and_fix(tmp_path: Path) -> None:
    file, good, bad, words = BROKEN[0]
    said = await refusal(tmp_path, broken_shop(tmp_path, file, good, bad))
    assert said.splitlines() == [f"followup: {tmp_path}/merchants/acme/flows/{words}"]
    assert not (tmp_path / "data" / "followup.db").exists()


@pytest.mark.parametrize(("file", "good", "bad", "words"), BROKEN)
def test_a_broken_file_is_reported_with_file_line_and_fix(
    tmp_path: Path, file: str, good: str, bad: str, words: str
) -> None:
    secrets = {"E2E_TWILIO_TOKEN": "x", "E2E_SHOPIFY_SECRET": "x"}
    with pytest.raises(ConfigurationFault) as refused:
        MerchantDirectory.load(broken_shop(tmp_path, file, good, bad), secrets)
    lines = refused.value.detail.splitlines()
    assert any(words in line for line in lines), lines
    assert all(line.startswith(str(tmp_path)) and len(line) < 400 for line in lines)


async def test_the_last_good_file_stays_until_it_is_fixed_and_a_new_flow_is_picked_up(
    shop: RunningDemo, tmp_path: Path
) -> None:
    folder = tmp_path / "shop" / "merchants" / "acme" / "flows"
    flow = folder / "order-thank-you.yaml"
    good = flow.read_text(encoding="utf-8")

    async def flows() -> dict[str, Any]:
        return {each["flow"]: each for each in (await shop.actions.read("/v1/flows"))["flows"]}

    before = await flows()
    flow.write_text(good.replace("steps:", "stepps:"), encoding="utf-8")
    with structlog.testing.capture_logs() as lines:

        async def said() -> dict[str, Any]:
            return next((dict(line) for line in lines if line["event"] == "merchant_file_problem"), {})

        reported = await until(said)
    assert "order-thank-you.yaml:" in reported["problem"]
    assert "did you mean 'steps'?" in reported["problem"]
    assert (reported["log_level"], reported["in_force"]) == ("warning", "the last good one")
    assert await flows() == before
    placed = await shop.actions.place_order(number=1, minor=4900, at=shop.clock.now())
    assert placed.json()["status"] == "accepted"

    async def planned() -> bool:
        found = await shop.actions.ask("/v1/follow-ups/search", {"to": shop.actions.phone})
        return bool(found["follow_ups"])

    await until(planned)
    flow.write_text(good.replace("Thank the buyer", "Greet the buyer"), encoding="utf-8")
    (folder / "second.yaml").write_text(SECOND_FLOW, encoding="utf-8")

    async def fixed() -> bool:
        found = await flows()
        return "second" in found and found["order-thank-you"]["description"].startswith("Greet")

    await until(fixed)
    assert (await flows())["order-thank-you"]["version"] != before["order-thank-you"]["version"]
    (folder / "second.yaml").unlink()

    async def gone() -> bool:
        return "second" not in await flows()

    await until(gone)
