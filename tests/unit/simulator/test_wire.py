import ast
import sys
from pathlib import Path

import pytest
from twilio.request_validator import RequestValidator

import services.simulator
from services.simulator.clock import SimulatorClock
from services.simulator.keywords import effect_of
from services.simulator.wire import answers_in, sign

ALLOWED = {"fastapi", "starlette", "uvicorn", "aiohttp", "yarl", "jinja2", "markupsafe", "pydantic"}


def test_the_signature_is_the_one_twilio_s_library_computes() -> None:
    form = {"To": "+1", "Body": "ä b", "Empty": "", "body": "case matters"}
    url = "https://a.example/r?x=%2B1&y=2"
    assert sign(url, form, "token") == RequestValidator("token").compute_signature(url, form)
    assert sign(f"{url}#rc=3", form, "token") == sign(url, form, "token")


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        ("<Response/>", []),
        ("", []),
        ("<Response><Message>A</Message><Message><Body> B </Body></Message></Response>", ["A", "B"]),
        ("<Response><Message></Message></Response>", []),
        ("<Response><Message>cut off", []),
    ],
)
def test_only_whole_twiml_messages_are_answers(answer: str, texts: list[str]) -> None:
    assert answers_in(answer) == texts


def test_keywords_stand_alone_and_change_only_what_is_not_so_already() -> None:
    stop = effect_of(" stop\n", is_blocked=False)
    start = effect_of("Yes", is_blocked=True)
    assert stop is not None
    assert stop.is_blocked is True
    assert start is not None
    assert start.is_blocked is False
    assert effect_of("please stop", is_blocked=False) is None
    assert effect_of("STOP", is_blocked=True) is None
    assert effect_of("YES", is_blocked=False) is None


def test_the_calendar_moves_with_the_offset_file_and_elapsed_time_does_not(tmp_path: Path) -> None:
    offset_file = tmp_path / "offset"
    clock = SimulatorClock(offset_file)
    assert abs((clock.now() - clock.elapsed()).total_seconds()) < 1
    offset_file.write_text("86400.5")
    assert 86_399 < (clock.now() - clock.elapsed()).total_seconds() < 86_402
    offset_file.write_text("not a number")
    assert 86_399 < (clock.now() - clock.elapsed()).total_seconds() < 86_402


def test_the_simulator_shares_no_code_with_what_it_is_a_witness_of() -> None:
    for module in Path(services.simulator.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.partition(".")[0] == "services":
                    assert name.startswith("services.simulator"), module
                else:
                    assert name.partition(".")[0] in ALLOWED or name.partition(".")[0] in _standard_library(), module


def test_the_counter_stands_on_the_standard_library_alone() -> None:
    tree = ast.parse((Path(services.simulator.__path__[0]) / "count.py").read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert all(module.partition(".")[0] in _standard_library() for module in modules)


def _standard_library() -> frozenset[str]:

    return frozenset(sys.stdlib_module_names)
