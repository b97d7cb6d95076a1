"""What the pages name exists: commands and their options, metrics, settings, log events, addresses, reasons."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from services.cli import doctor as _  # noqa: F401 - with it every settings class is declared
from services.cli.app import app
from services.compliance.gate.verdicts import Reason
from services.metrics.domain.reasons import is_known
from services.scheduler.runs.enrolment import Decline
from services.simulator.faults import FaultPlan
from shared.bus.read_progress import UnreadReason
from shared.conditions import compile_condition
from shared.events.dispatch import ErrorClass
from shared.progress import EARLIER_TEXT, UNANSWERED, Doing, WaitsFor
from shared.settings import every_setting
from shared.telemetry.metrics import catalogue
from tests.docs.snippets import DOCS, commands, pages, snippets

ROOT = DOCS.parent
BY_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(DOCS)))
RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))
_ADDRESS = re.compile(r"`(?:(?:GET|POST|PUT|DELETE)(?:`, `\w+`)* )?(/(?:v1|simulator|readyz|healthz|metrics)[^`?\s]*)")
_SUFFIX = re.compile(r"_(?:bucket|count|sum)$")
_INVENTED = {"followup_ingest_toys", "followup_ingest_toys_total"}
"""The metric that the page on adding one adds."""
_OF_TESTS = {"FOLLOWUP_WRITE_GOLDEN"}
"""Variables that tests read, not the application."""


@BY_PAGE
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    for line in commands([each.text for each in snippets(page) if each.language == "sh"]):
        words = shlex.split(line.split("|")[-1].partition("#")[0])
        if "followup" not in words:
            continue
        command: Any = typer.main.get_command(app)
        for word in words[words.index("followup") + 1 :]:
            if hasattr(command, "list_commands"):
                command = command.get_command(None, word)
                assert command is not None, line
            elif word.startswith("--"):
                assert word in {name for parameter in command.params for name in parameter.opts}, line


@BY_PAGE
def test_every_metric_named_is_in_the_catalogue(page: Path) -> None:
    known = {metric.name for metric in catalogue()}
    named = set(re.findall(r"\bfollowup_[a-z_]+\b", page.read_text("utf-8")))
    assert {name for name in named - _INVENTED if _SUFFIX.sub("", name) not in known} == set()


@BY_PAGE
def test_every_setting_named_exists(page: Path) -> None:
    known = {entry.variable for entry in every_setting()}
    assert set(re.findall(r"\bFOLLOWUP_[A-Z_]+\b", page.read_text("utf-8"))) - _OF_TESTS <= known


@BY_PAGE
def test_every_address_named_is_served(page: Path) -> None:
    served = re.findall(r"^\| [A-Z]+ \| `([^`]+)`", (DOCS / "reference" / "http.md").read_text("utf-8"), re.MULTILINE)
    shapes = {_shape(path) for path in served}
    named = {_shape(path.rstrip(".,")) for path in _ADDRESS.findall(page.read_text("utf-8")) if not path.endswith("/")}
    assert {path for path in named if path not in shapes} == set()


def _shape(path: str) -> str:
    """Return a path with its parameters as stars, however they are called."""
    return (
        re.sub(r"\{[^}]*\}|<[^>]*>", "*", path)
        .replace("/webhooks/shopify/acme", "/webhooks/*/*")
        .replace("/webhooks/shopify/*", "/webhooks/*/*")
        .replace("/providers/main/*", "/providers/*/*")
    )


@BY_PAGE
def test_every_yaml_and_json_block_can_be_read(page: Path) -> None:
    for each in snippets(page):
        if each.language == "yaml":
            assert isinstance(yaml.safe_load(each.text), dict)
        if each.language == "json" and "…" not in each.text:
            for document in _documents(each.text):
                json.loads(document)


def _documents(text: str) -> list[str]:
    """Return the JSON documents of a block: one a line, or one over several lines."""
    lines = text.strip().splitlines()
    return lines if all(line.startswith("{") and line.endswith("}") for line in lines) else [text]


def logged_events() -> set[str]:
    """Return the constant name of every log line in the code."""
    found = set()
    for file in [*(ROOT / "services").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr="info" | "warning" | "error" | "exception"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    found.add(name)
                case _:
                    pass
    return found


@pytest.mark.parametrize("page", [*RUNBOOKS, DOCS / "how-to" / "operate.md"], ids=lambda page: page.stem)
def test_every_log_line_named_is_written_by_the_code(page: Path) -> None:
    named = set()
    for line in page.read_text("utf-8").splitlines():
        for words in re.findall(r"\b(?:[Ll]og:?|[Ee]rror|[Ww]arning|info)\s+((?:`[a-z_]+`(?:, | and | or )?)+)", line):
            named |= set(re.findall(r"`([a-z_]+)`", words))
    assert named - logged_events() == set()


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_every_runbook_says_symptom_meaning_and_what_to_do(page: Path) -> None:
    text = page.read_text("utf-8")
    assert "**Meaning.**" in text or "| meaning |" in text or page.stem == "rules-stale"
    assert "**Do.**" in text or "| do |" in text or page.stem == "rules-stale"
    assert text.startswith("# ")


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_every_runbook_is_reached_from_the_index_and_from_the_operators_page(page: Path) -> None:
    assert f"runbooks/{page.name}" in (DOCS / "index.md").read_text("utf-8")
    operators = (DOCS / "how-to" / "operate.md").read_text("utf-8")
    assert f"../runbooks/{page.name}" in operators


@pytest.mark.parametrize("reason", [*(each for each in Reason if each is not Reason.OK), *Decline])
def test_every_reason_of_the_gate_and_of_entry_has_its_line(reason: Reason | Decline) -> None:
    lines = (DOCS / "how-to" / "explain.md").read_text("utf-8").splitlines()
    assert any(line.startswith("|") and f"`{reason}`" in line.split("|")[1] for line in lines)


def _reasons_of_the_sender() -> set[str]:
    """Return every word with which the sender's own rules refuse a text or let it lapse."""
    found = set()
    for file in (ROOT / "services" / "sender").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Refuse" | "Lapse"), args=[ast.Constant(value=str(word)), *_]):
                    found.add(word)
                case _:
                    pass
    return found


@pytest.mark.parametrize(
    "cause",
    sorted({*_reasons_of_the_sender(), *ErrorClass, *WaitsFor, *Doing, *UnreadReason, UNANSWERED, EARLIER_TEXT}),
)
def test_every_cause_has_its_line_and_its_words(cause: str) -> None:
    lines = (DOCS / "how-to" / "explain.md").read_text("utf-8").splitlines()
    assert any(line.startswith("|") and f"`{cause}`" in line for line in lines)
    assert is_known(cause) or cause in set(Doing)


def test_the_faults_shown_are_faults() -> None:
    text = (DOCS / "how-to" / "simulator.md").read_text("utf-8")
    plans = re.findall(r"`(\{\"seed\".*?\]\})`", text)
    rules = re.findall(r"^\| `(\{\"kind\".*?\})`", text, re.MULTILINE)
    assert plans
    assert len(rules) > 3
    for plan in plans:
        FaultPlan.model_validate_json(plan)
    for rule in rules:
        FaultPlan.model_validate({"rules": [json.loads(rule)]})


def test_the_conditions_shown_are_conditions() -> None:
    text = (DOCS / "how-to" / "explain.md").read_text("utf-8")
    [guard] = re.findall(r"guard it: `([^`]+)`", text)
    assert compile_condition(guard).holds({"trigger": {}}) is False
    assert compile_condition(guard).holds({"trigger": {"gift": True}}) is True
