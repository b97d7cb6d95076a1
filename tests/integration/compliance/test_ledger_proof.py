"""The ledger as a proof: signed when a day is over, exported, and checked by a program that knows nothing of us."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from services.cli.app import app
from services.compliance import tables
from services.compliance.ledger import checking, export
from services.compliance.ledger.roots import GRACE, RootKeeper
from services.compliance.ledger.verification import Verifier
from shared.db.transaction import Row, Transaction, WritePriority
from shared.events.consent import ConsentAct
from shared.ids import MerchantId
from shared.signing import SigningKey
from shared.testing import make_compliance
from shared.testing.clock import FakeClock
from tests.integration.compliance.driver import ComplianceDriver, opened
from tests.integration.engines import only_on_sqlite

BOB = "+13055550123"
COMMAND = only_on_sqlite("the command opens the file of an embedded application")


class Proof:
    """A service whose ledger is signed by a key the test knows."""

    def __init__(self, driver: ComplianceDriver) -> None:
        self.driver = driver
        self.clock: FakeClock = driver.clock
        self.key = SigningKey.new()
        self.keeper = RootKeeper(driver.harness.runtime.units, driver.clock, self.key)

    async def day(self, *claims: Any) -> None:
        """Let people claim, and a day pass."""
        await self.driver.hear(*claims)
        self.clock.advance(hours=24)

    async def sign(self) -> None:
        while not await self.keeper.step():
            continue

    async def roots(self) -> list[Row]:
        rows = await self.driver.rows(tables.daily_roots)
        return sorted(rows, key=lambda row: (row["merchant_id"], row["day"]))

    async def check(self, *keys: str, merchant: str = make_compliance.MERCHANT) -> Verifier:
        verifier = Verifier(frozenset(keys))
        read = self.driver.harness.runtime.database.read
        await read(lambda db: export.export(db, MerchantId(merchant), self.clock.now(), verifier.feed))
        verifier.finish()
        return verifier

    async def tamper(self, statement: sa.Executable) -> None:
        async def work(db: Transaction) -> int:
            return await db.execute(statement)

        assert await self.driver.harness.runtime.database.write(work, WritePriority.BATCHES) > 0


def run_alone(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program as an auditor would: the bare interpreter, nothing installed, none of our folders."""
    command = [sys.executable, "-I", "-S", str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program


@pytest.fixture
async def proof(driver: ComplianceDriver) -> Proof:
    """Ana opts in on the first day and out on the third, Bob opts in on the third; all of it is signed."""
    proof = Proof(driver)
    await proof.day(driver.claim())
    await proof.day()
    start = driver.clock.now()
    await proof.day(
        driver.claim(ConsentAct.REVOKED, captured_at=start, occurred_at=start),
        driver.claim(phone=BOB, captured_at=start, occurred_at=start),
    )
    await proof.sign()
    return proof


async def checked(proof: Proof, **query: str) -> dict[str, Any]:
    async with proof.driver.http() as http:
        answer = await http.get("/v1/consents/verification", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_days_are_checked_by_http_the_newest_first(proof: Proof) -> None:
    await proof.driver.hear(proof.driver.claim(phone="+13055550124"))
    found = await checked(proof)
    states = [(each["day"], each["state"], each["entries"]) for each in found["days"]]
    assert states == [
        ("2026-12-04", "not_signed_yet", 1),
        ("2026-12-03", "in_order", 2),
        ("2026-12-01", "in_order", 1),
    ]
    assert {each["signed_by"] for each in found["days"][1:]} == {proof.key.public_key}
    assert found["next_to"] is None


async def test_a_check_by_http_reads_a_bounded_number_of_entries_and_goes_on(
    proof: Proof, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MOST_ENTRIES", 2)
    first = await checked(proof)
    assert ([each["day"] for each in first["days"]], first["next_to"]) == (["2026-12-03"], "2026-12-02")
    rest = await checked(proof, to=first["next_to"], **{"from": "2026-11-20"})
    assert ([each["state"] for each in rest["days"]], rest["next_to"]) == (["in_order"], None)
    monkeypatch.setattr(checking, "MOST_ENTRIES", 1)
    assert (await checked(proof))["days"][0]["state"] == "too_large"


@pytest.mark.parametrize(
    ("statement", "day", "said"),
    [
        (sa.update(tables.ledger).where(tables.ledger.c.position == 1).values(hash="0" * 64), "2026-12-03", "follow"),
        (sa.delete(tables.ledger).where(tables.ledger.c.position == 1), "2026-12-03", "root"),
        (sa.update(tables.standings).values(chain_hash="0" * 64), "2026-12-03", "does not end"),
        (sa.update(tables.daily_roots).values(signature="00" * 64), "2026-12-01", "not signed"),
        (sa.delete(tables.daily_roots).where(tables.daily_roots.c.day == "2026-12-01"), "2026-12-01", "no root"),
    ],
)
async def test_a_change_is_found_by_http_in_its_day(
    proof: Proof, statement: sa.Executable, day: str, said: str
) -> None:
    await proof.tamper(statement)
    broken = {each["day"]: each for each in (await checked(proof))["days"]}[day]
    assert (broken["state"], said in " ".join(broken["problems"])) == ("broken", True), broken


async def test_each_day_with_entries_has_one_root_that_names_the_one_before(proof: Proof) -> None:
    first, third = await proof.roots()
    assert (first["day"], third["day"]) == ("2026-12-01", "2026-12-03")
    assert third["previous"] == first["root"]
    assert (first["people"], third["people"]) == (1, 2)


async def test_what_was_signed_holds(proof: Proof) -> None:
    found = await proof.check(proof.key.public_key)
    assert found.problems == []
    assert found.counts == {"person": 2, "entry": 3, "root": 2, "end": 1}


async def test_signing_again_changes_nothing(proof: Proof) -> None:
    before = await proof.roots()
    await RootKeeper(proof.driver.harness.runtime.units, proof.clock, SigningKey.new()).step()
    await proof.sign()
    assert await proof.roots() == before


@pytest.mark.parametrize("day", ["2026-12-0x", "20261203", "zzzz", "", "2999-01-01"])
async def test_a_root_without_a_valid_day_is_reported_and_stops_no_signing(
    proof: Proof, day: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, third = await proof.roots()
    change = sa.update(tables.daily_roots).where(tables.daily_roots.c.day == third["day"]).values(day=day)
    await proof.tamper(change)
    now = proof.clock.now()
    await proof.day(proof.driver.claim(phone="+13055550124", captured_at=now, occurred_at=now))
    await proof.sign()
    roots = {row["day"]: row for row in await proof.roots()}
    assert set(roots) == {"2026-12-01", day, "2026-12-03", "2026-12-04"}
    assert roots["2026-12-03"]["root"] == third["root"], "a day that lost its root is signed again"
    assert roots["2026-12-04"]["previous"] == third["root"]
    assert "ledger_root_unreadable" in capsys.readouterr().out


async def test_a_day_is_signed_only_once_it_is_over_and_a_breath_more(proof: Proof) -> None:
    now = proof.clock.now()
    await proof.driver.hear(proof.driver.claim(captured_at=now, occurred_at=now))
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    proof.clock.advance(seconds=(midnight + GRACE - now).total_seconds() - 1)
    await proof.sign()
    assert len(await proof.roots()) == 2
    assert (await proof.check()).unsigned_days == ["2026-12-04"]
    proof.clock.advance(seconds=1)
    await proof.sign()
    assert [row["day"] for row in await proof.roots()] == ["2026-12-01", "2026-12-03", "2026-12-04"]


async def test_a_long_pause_is_signed_through(proof: Proof) -> None:
    proof.clock.advance(days=400)
    now = proof.clock.now()
    await proof.day(proof.driver.claim(captured_at=now, occurred_at=now))
    await proof.sign()
    assert len(await proof.roots()) == 3
    assert (await proof.check()).problems == []


async def test_an_erased_person_leaves_a_ledger_that_still_holds(proof: Proof) -> None:
    entries = tables.ledger
    await proof.tamper(sa.update(entries).values(evidence=b"sealed"))
    await proof.tamper(sa.update(entries).values(evidence=None))
    assert (await proof.check()).problems == []


@pytest.mark.parametrize("position", [0, 1])
async def test_a_removed_entry_is_missed(proof: Proof, position: int) -> None:
    ana = proof.driver.person()
    entries = tables.ledger
    await proof.tamper(sa.delete(entries).where(entries.c.recipient_id == ana, entries.c.position == position))
    assert (await proof.check()).problems


async def test_a_person_who_was_removed_altogether_is_missed(proof: Proof) -> None:
    bob = proof.driver.person(BOB)
    await proof.tamper(sa.delete(tables.ledger).where(tables.ledger.c.recipient_id == bob))
    assert any("does not end" in problem for problem in (await proof.check()).problems)
    await proof.tamper(sa.delete(tables.standings).where(tables.standings.c.recipient_id == bob))
    problems = (await proof.check()).problems
    assert problems == ["2026-12-03: the root is not that of the day's entries and of the root before"]


async def test_a_root_that_was_taken_away_is_missed(proof: Proof) -> None:
    await proof.tamper(sa.delete(tables.daily_roots).where(tables.daily_roots.c.day == "2026-12-01"))
    assert any("2026-12-01: there are entries" in problem for problem in (await proof.check()).problems)


async def test_each_merchant_has_roots_of_their_own(tmp_path: Path) -> None:
    async with opened(tmp_path, "acme", "other") as driver:
        proof = Proof(driver)
        await proof.day(driver.claim(), driver.claim(merchant_id=MerchantId("other")))
        await proof.sign()
        assert [row["merchant_id"] for row in await proof.roots()] == ["acme", "other"]
        for merchant in ("acme", "other"):
            assert (await proof.check(merchant=merchant)).problems == []


@COMMAND
async def test_the_command_verifies_exports_and_hands_out_a_verifier_that_runs_alone(
    proof: Proof, tmp_path: Path
) -> None:
    data = ["--data", str(tmp_path)]
    verified = CliRunner().invoke(app, ["ledger", "verify", *data, "--key", proof.key.public_key])
    assert verified.exit_code == 0, verified.output
    assert "3 entries of 2 people, 2 signed days" in " ".join(verified.output.split())
    file, program = tmp_path / "acme.ledger", tmp_path / "alone.py"
    exported = CliRunner().invoke(app, ["ledger", "export", str(file), "--merchant", "acme", *data])
    assert exported.exit_code == 0, exported.output
    program.write_text(CliRunner().invoke(app, ["ledger", "verifier"]).output, encoding="utf-8")
    alone = run_alone(program, file, proof.key.public_key)
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert "BROKEN" not in alone.stdout


@COMMAND
async def test_the_command_answers_one_when_something_is_broken(proof: Proof, tmp_path: Path) -> None:
    entries = tables.ledger
    await proof.tamper(sa.update(entries).where(entries.c.position == 1).values(hash="0" * 64))
    found = CliRunner().invoke(app, ["ledger", "verify", "--data", str(tmp_path), "--merchant", "acme"])
    assert found.exit_code == 1
    assert "broken acme: person" in found.output


@COMMAND
async def test_a_merchant_without_a_ledger_and_a_folder_without_a_database_are_named(
    proof: Proof, tmp_path: Path
) -> None:
    stranger = CliRunner().invoke(app, ["ledger", "verify", "--data", str(tmp_path), "--merchant", "nobody"])
    assert "there is no ledger of a merchant nobody; there is: acme" in str(stranger.exception)
    nowhere = CliRunner().invoke(app, ["ledger", "verify", "--data", str(tmp_path / "merchants")])
    assert "there is no database" in str(nowhere.exception)


@COMMAND
async def test_an_export_overwrites_nothing(proof: Proof, tmp_path: Path) -> None:
    (tmp_path / "acme.ledger").write_text("mine", encoding="ascii")
    command = ["ledger", "export", str(tmp_path / "acme.ledger"), "--merchant", "acme", "--data", str(tmp_path)]
    assert "cannot be written" in str(CliRunner().invoke(app, command).exception)
    assert (tmp_path / "acme.ledger").read_text(encoding="ascii") == "mine"
