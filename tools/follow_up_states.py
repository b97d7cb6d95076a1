"""The reference page of follow-up states: a diagram of the scheduler's matrix, and what its parts mean."""

import ast
import inspect
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from services.scheduler.lifecycle.states import MATRIX, Alarm, CellMark, TransitionKind
from shared.vocabulary.follow_up_states import FollowUpState

_DOUBLES = frozenset({TransitionKind.DOUBLE_ACCEPTED, TransitionKind.DOUBLE_DELIVERED})


def page(note: str) -> str:
    """Return the page."""
    states, kinds = member_docs(FollowUpState), member_docs(TransitionKind)
    lines = [
        note,
        "# Follow-up states\n",
        "The scheduler's matrix (`services/scheduler/lifecycle/states.py`) is the only thing that changes a state. An",
        "arrow is labelled with the kinds of transition that take it; every other kind changes nothing. The kinds",
        f"{' and '.join(f'`{kind}`' for kind in sorted(_DOUBLES))} lead where `accepted` and `delivered` lead,",
        "and raise an alert.\n",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> pending: planned",
        *(f"    {start} --> {end}: {', '.join(labels)}" for (start, end), labels in arrows().items()),
        "```\n",
        "| state | meaning | who moves a follow-up in, and when | who moves it out, and when |",
        "|---|---|---|---|",
    ]
    for state in FollowUpState:
        meaning, _, rest = states[state].partition(" In: ")
        moved_in, _, moved_out = rest.partition(" Out: ")
        lines.append(f"| `{state}` | {meaning} | {moved_in} | {moved_out} |")
    lines += ["", "| kind of transition | who says so |", "|---|---|"]
    lines += [f"| `{kind}` | {kinds[kind]} |" for kind in TransitionKind]
    return "\n".join(lines) + "\n"


def arrows() -> dict[tuple[str, str], list[str]]:
    """Return the kinds of transition that lead from one state to another, without doubles."""
    found: dict[tuple[str, str], list[str]] = {}
    for start in FollowUpState:
        for kind, cell in MATRIX[start].items():
            target = cell.to if isinstance(cell, Alarm) else cell
            if kind in _DOUBLES or target is CellMark.IGNORED:
                continue
            end = FollowUpState.CANCELLED if target is CellMark.BACK else target
            found.setdefault((str(start), str(end)), []).append(str(kind))
    return found


def member_docs(kind: type[StrEnum]) -> dict[str, str]:
    """Return the docstring below each member of an enumeration, on one line; members without one are left out."""
    source = inspect.getsourcefile(kind)
    assert source is not None  # noqa: S101 - a class of this repository has a file
    module = ast.parse(Path(source).read_text(encoding="utf-8"))
    body = next(node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    docs = {}
    for member, text in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            [target] = member.targets
            assert isinstance(target, ast.Name)  # noqa: S101 - members are plain names
            docs[str(kind[target.id])] = " ".join(str(text.value.value).split())
    return docs
