"""Named places where a test may kill, fail or hold the process; inert unless the environment arms them.

``FOLLOWUP_FAILPOINTS="sender.after_intent=kill@3,ingest.after_commit=raise"``: the action runs at the n-th
visit (default the first). Actions: ``kill`` (SIGKILL to this process) and ``raise`` (`FailpointReached`).
A file named by ``FOLLOWUP_FAILPOINT_LOG`` receives the name of each failpoint that fired: proof it was reached.
"""

import os
import signal
from pathlib import Path

ARMED_VARIABLE = "FOLLOWUP_FAILPOINTS"
LOG_VARIABLE = "FOLLOWUP_FAILPOINT_LOG"

NAMES = (
    "ingest.before_commit",
    "ingest.after_commit",
    "runner.before_commit",
    "runner.after_commit",
    "relay.after_produce",
    "scheduler.after_release",
    "scheduler.after_control",
    "scheduler.after_control_work",
    "compliance.after_verdict",
    "sender.after_control",
    "sender.after_obeyed",
    "sender.after_claim",
    "sender.after_intent",
    "sender.after_call",
    "sender.after_outcome",
    "sender.before_reply_commit",
    "sender.after_reply_commit",
    "sender.after_receipt",
)
"""Every failpoint of the path; a test visits each. The relay's exists in distributed mode only."""


class FailpointReached(Exception):
    """An armed failpoint raised."""


class _Trap:
    """One armed failpoint: what to do, and at which visit."""

    def __init__(self, action: str, visit: int) -> None:
        self.action = action
        self.remaining = visit


def _armed(specification: str) -> dict[str, _Trap]:
    """Parse the environment's specification; an unknown name or action is a mistake worth stopping for."""
    traps = {}
    for entry in filter(None, specification.split(",")):
        name, _, rest = entry.strip().partition("=")
        action, _, visit = rest.partition("@")
        if name not in NAMES or action not in {"kill", "raise"}:
            raise ValueError(f"{ARMED_VARIABLE}: cannot arm {entry!r}; names: {', '.join(NAMES)}")
        traps[name] = _Trap(action, int(visit or "1"))
    return traps


_TRAPS = _armed(os.environ.get(ARMED_VARIABLE, ""))


def failpoint(name: str) -> None:
    """Do nothing, unless this place is armed."""
    if not _TRAPS:
        return
    trap = _TRAPS.get(name)
    if trap is None:
        return
    trap.remaining -= 1
    if trap.remaining:
        return
    if log := os.environ.get(LOG_VARIABLE):
        with Path(log).open("a", encoding="ascii") as stream:
            stream.write(f"{name}\n")
            stream.flush()
            os.fsync(stream.fileno())
    if trap.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise FailpointReached(name)
