"""Mutation testing of the gate and its rules: change one thing, run its tests, and see whether a test fails.

`make mutation` judges every mutant, in two processes that leave the machine to others; stopped and started again it
goes on where it was. A mutant is killed when a test fails, when its module cannot be imported, when its tests take far
too long, or when they want more than 4 GiB of memory (a loop that never ends fills a list): then a test fails for want
of it, or the process dies of that. One that all tests pass has survived and is printed, with what `mutants.yaml` beside
the tests says of it.
Each runs in a forked child that already holds every library, so only the gate itself is imported anew.
"""

import argparse
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import yaml

from tools.mutants import ROOT, Mutant, mutants_of

_PURE = {
    "services/compliance/caps": ("frequency", "limits"),
    "services/compliance/gate": (*("decision", "evaluation", "inputs", "records", "setting", "verdicts", "wording"),),
    "services/compliance/ledger": ("entries", "standing"),
    "shared": ("chain",),
    "shared/rule_files": ("loader", "time_zones"),
    "shared/rules": ("holiday_calendars", "numbers", "places", "quiet_hours", "table", "zones"),
}
MODULES = {name: ROOT / folder / f"{name}.py" for folder, names in _PURE.items() for name in names}
"""The pure modules of the gate, by name; no two share one."""
UNIT = tuple(ROOT / "tests" / "unit" / folder for folder in ("compliance", "shared/rules", "shared/rule_files"))
EXPLAINED = UNIT[0] / "mutants.yaml"
"""Reviewed survivors, each with the reason why no test can or need find it."""
_RESULTS = ROOT / ".cache" / "mutation" / "results.jsonl"
_RANDOM = "tests/oracle/test_random_cases.py::test_engine_and_oracle_never_part_over_twenty_thousand_random_questions"
_EASTER = "tests/oracle/test_openings.py::test_easter_agrees_from_the_reform_of_the_calendar_on"
_OF_THE_WHOLE = ("tests/oracle/test_vectors.py", _EASTER, f"{_RANDOM}[0]", f"{_RANDOM}[1]")
_QUIET = "ignore::pytest.PytestAssertRewriteWarning"  # libraries are loaded before pytest could rewrite them
_PLUGINS = ("_hypothesis_pytestplugin", "pytest_asyncio.plugin", "pytest_timeout")
"""Loaded beforehand and by name: looking for them costs a third of what a mutant costs."""
_OPTIONS = (
    *("-x", "-q", "-p", "no:cacheprovider", "--timeout", "20", "-W", _QUIET, "--hypothesis-profile", "mutation"),
    *(option for plugin in _PLUGINS for option in ("-p", plugin)),
)
_LIMIT_SECONDS = 240.0
LIMIT_BYTES = 4 * 2**30
"""Address space of one child; the tests of the unchanged gate want less than one of them."""
_LOOK_AGAIN_SECONDS = 0.02
_NICE = 15
_LIBRARIES = (
    *_PLUGINS,
    *("pytest", "hypothesis", "pydantic", "yaml", "phonenumbers", "holidays", "orjson", "shared.events.registry"),
    "tests.oracle.cases",  # the second gate, which imports nothing of the first
)


class _Changed(MetaPathFinder, Loader):
    """Imports one module with a change, all others as they are."""

    def __init__(self, mutant: Mutant, code: CodeType) -> None:
        self._mutant, self._code = mutant, code

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return a spec for the changed module alone."""
        if fullname != self._mutant.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._mutant.path, loader=self)

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(self._code, module.__dict__)  # noqa: S102 - that is what a mutant is


def stages_of(module: str) -> tuple[tuple[str, ...], ...]:
    """Return the tests that may notice a change of a module: its own first, then the others."""
    every = sorted(path for folder in UNIT for path in folder.rglob("test_*.py"))
    named = [path for path in every if path.name.startswith(f"test_{module}")]
    imports = [path for path in every if _imports(path, module)]
    own = named or imports or [path for path in every if path.name.startswith("test_decision")]
    others = [path for path in every if path not in own]
    return tuple(map(_name, own)), (*map(_name, others), *_OF_THE_WHOLE)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(path: Path, module: str) -> bool:
    text = path.read_text(encoding="utf-8")
    return f"{_dotted(module)} import" in text


def _dotted(module: str) -> str:
    return ".".join(MODULES[module].relative_to(ROOT).with_suffix("").parts)


def is_killed(mutant: Mutant | None, stages: Iterable[Sequence[str]]) -> bool:
    """Return whether the tests notice, or never end; they run in children of this process. None changes nothing."""
    return any(_fails(mutant, tests) for tests in stages)


def _fails(mutant: Mutant | None, tests: Sequence[str]) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(_judged(mutant, tests))
    deadline = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(_LOOK_AGAIN_SECONDS)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _judged(mutant: Mutant | None, tests: Sequence[str]) -> int:
    """Run tests on a mutant in this process, quietly and in `LIMIT_BYTES`; 0 when they all pass."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    import pytest  # noqa: PLC0415 - the parent has loaded it; only the child uses it
    from hypothesis import Phase, settings  # noqa: PLC0415 - as above

    # A failure is enough: the smallest example of it is not looked for.
    settings.register_profile("mutation", phases=[Phase.explicit, Phase.generate], database=None, deadline=None)
    try:
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(mutant, mutant.code()))
        return int(pytest.main([*_OPTIONS, *tests]))
    except BaseException:  # noqa: BLE001 - whatever a mutant does, it was noticed
        return 1


def killed_before(results: Path) -> set[str]:
    """Return the mutants that an earlier run killed; survivors are asked again, for tests may have been added."""
    if not results.exists():
        return set()
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return {line["key"] for line in lines if line["killed"]}


def judge(mutants: Sequence[Mutant], results: Path) -> None:
    """Judge mutants one after the other, and note each verdict as it falls."""
    for mutant in mutants:
        began = time.monotonic()
        killed = is_killed(mutant, stages_of(mutant.path.stem))
        line = {"key": mutant.key, "killed": killed, "seconds": round(time.monotonic() - began, 2)}
        with results.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        if not killed:
            _say(f"SURVIVED {mutant}")


def explained() -> dict[tuple[str, str, str], str]:
    """Return the reasons for survivors: module, line of source and change, to why."""
    rows: list[dict[str, Any]] = yaml.safe_load(EXPLAINED.read_text(encoding="utf-8")) or []
    return {(row["module"], row["text"], what): row["why"] for row in rows for what in row["changes"]}


def main() -> None:
    """Judge all mutants, or a sample; print totals by module, survivors, and the share that was killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, help="how many mutants; 0 is all of them")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--only", default="", help="only modules whose name contains this")
    parser.add_argument("--processes", type=int, default=2, help="how many at a time")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where verdicts are noted")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    chosen = parser.parse_args()
    os.nice(_NICE)
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _LIBRARIES:
        importlib.import_module(name)
    if loaded := set(map(_dotted, MODULES)) & sys.modules.keys():
        raise SystemExit(f"{', '.join(sorted(loaded))} is loaded already, so no change of it would be seen")
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    if chosen.fresh:
        chosen.results.unlink(missing_ok=True)
    everything = [each for name, path in MODULES.items() if chosen.only in name for each in mutants_of(path)]
    size = min(chosen.sample or len(everything), len(everything))
    sample = random.Random(chosen.seed).sample(everything, size)  # noqa: S311 - a repeatable choice, not a secret
    known = killed_before(chosen.results)
    open_ = [mutant for mutant in sample if mutant.key not in known]
    _say(f"{size} mutants, {size - len(open_)} of them killed before")
    _expect_all_pass("before any change")
    _in_processes(open_, chosen.processes, chosen.results)
    _expect_all_pass("after the last one")
    raise SystemExit(_report(sample, killed_before(chosen.results), len(everything)))


def _expect_all_pass(when: str) -> None:
    """Tests that fail by themselves kill everything and prove nothing: a tree that is being edited, a slow machine."""
    if is_killed(None, [(*map(_name, UNIT), *_OF_THE_WHOLE)]):
        raise SystemExit(f"the tests fail without any change, {when}, so they cannot judge one")


def _in_processes(mutants: Sequence[Mutant], processes: int, results: Path) -> None:
    """Share the mutants out, and wait for all."""
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            judge(mutants[number::processes], results)
            os._exit(0)
        children.append(child)
    ends = [os.waitpid(child, 0)[1] for child in children]
    if any(ends):
        raise SystemExit("a process ended before its mutants were judged; start again to go on")


def _report(sample: Sequence[Mutant], killed: set[str], possible: int) -> int:
    """Print the outcome; return 1 when a survivor has no explanation."""
    reasons = explained()
    total, survived = Counter(each.path.name for each in sample), Counter[str]()
    unexplained = 0
    for mutant in sample:
        if mutant.key in killed:
            continue
        survived[mutant.path.name] += 1
        why = reasons.get((mutant.path.stem, mutant.text, mutant.what))
        unexplained += why is None
        _say(f"SURVIVED {mutant}\n    {'not explained' if why is None else why}")
    for name in sorted(total):
        gone = total[name] - survived[name]
        _say(f"{name:<24}{total[name]:>5} mutants, {gone:>5} killed, {survived[name]:>3} survived")
    size, gone = len(sample), len(sample) - survived.total()
    share = 100 * gone / max(size, 1)
    _say(f"{gone} of {size} killed ({share:.1f} %), out of {possible} possible; {unexplained} not explained")
    return 1 if unexplained else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
