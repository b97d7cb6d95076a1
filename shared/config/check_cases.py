"""Finds what is wrong with tests of flows beyond their form: names of flows and texts that there are not."""

from collections.abc import Sequence
from pathlib import Path

from shared.config.flow import Flow
from shared.config.flow_cases import ReadCases, case_files, read_cases
from shared.config.problem import Problem, did_you_mean
from shared.zone_countries import zone_named


def case_problems(folder: Path, flows: Sequence[Flow]) -> list[Problem]:
    """Return every problem of the flow tests in a merchant's folder.

    Args:
        folder: the merchant's.
        flows: those of the merchant that can be read.
    """
    found: list[Problem] = []
    for path in case_files(folder):
        read = read_cases(path)
        found += read if isinstance(read, list) else problems_of_cases(read, flows)
    return found


def problems_of_cases(read: ReadCases, flows: Sequence[Flow]) -> list[Problem]:
    """Return the names in a file that mean nothing in these flows."""
    document, cases = read.document, read.cases
    flow = next((each for each in flows if each.flow == cases.flow), None)
    if flow is None:
        known = [each.flow for each in flows]
        return [document.error(("flow",), f"the shop has no flow '{cases.flow}'", did_you_mean(cases.flow, known))]
    texts = [step.text for step in flow.texts()]
    found: list[Problem] = []
    for number, case in enumerate(cases.cases):
        here = ("cases", number)
        if case.time_zone is not None and zone_named(case.time_zone) is None:
            no_zone = f"'{case.time_zone}' is no time zone"
            found.append(document.error((*here, "time_zone"), no_zone, "write one such as America/New_York"))
        named = [((*here, "expect", place, "text"), each.text) for place, each in enumerate(case.expect)]
        clicks = [((*here, "happens", place, "click"), each.click) for place, each in enumerate(case.happens)]
        found += [
            document.error(where, f"the flow has no text '{text}'", did_you_mean(text, texts))
            for where, text in (*named, *clicks)
            if text is not None and text not in texts
        ]
    return found
