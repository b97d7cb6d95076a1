"""How flow tests ended: for people, for programs, and for CI (pure)."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from services.flow_tests.outcomes import CaseResult


@dataclass(frozen=True, slots=True)
class FileResult:
    """How the cases of one file ended."""

    file: str
    flow: str
    cases: tuple[CaseResult, ...]


def lines(result: CaseResult) -> list[str]:
    """Return a case as lines for a person: what happened stands below only where it is other than expected."""
    if result.passed:
        return [f"  passed  {result.case} ({result.seconds:.1f} s)"]
    happened = [f"            {each}" for each in result.outcomes] or ["            nothing was planned"]
    return [
        f"  FAILED  {result.case} ({result.seconds:.1f} s)",
        *(f"          - {each}" for each in result.differences),
        "          What happened:",
        *happened,
    ]


def summary(results: Sequence[FileResult]) -> str:
    """Return how many passed and failed."""
    cases = [case for file in results for case in file.cases]
    failed = sum(not case.passed for case in cases)
    return f"{len(cases) - failed} passed, {failed} failed"


def document(results: Sequence[FileResult]) -> list[dict[str, object]]:
    """Return all results as JSON values."""
    return [asdict(result) for result in results]


def junit(results: Sequence[FileResult]) -> str:
    """Return all results as JUnit XML, as CI systems read it."""
    root = ET.Element("testsuites", name="followup test")
    for result in results:
        failed = sum(not case.passed for case in result.cases)
        suite = ET.SubElement(
            root, "testsuite", name=result.flow, file=result.file, tests=str(len(result.cases)), failures=str(failed)
        )
        for case in result.cases:
            entry = ET.SubElement(suite, "testcase", name=case.case, classname=result.flow, time=f"{case.seconds:.3f}")
            if not case.passed:
                failure = ET.SubElement(entry, "failure", message=case.differences[0])
                failure.text = "\n".join((*case.differences, "", *case.outcomes))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
