"""The sender's entry point for time: what it does again and again, whether or not anything happened."""

from collections.abc import Sequence
from functools import partial

from services.sender.dependencies import SenderDependencies
from services.sender.retention import prune
from services.sender.tables import audit_tables
from shared.audit_log import audit_loops
from shared.loop import SLOW_SECONDS, Loop


def create_loops(deps: SenderDependencies) -> Sequence[Loop]:
    """Return the loops: send, obey controls, reconcile, poll statuses, list missed replies, delete old rows, sign."""
    dispatch = Loop("dispatch", deps.dispatcher.step)
    deps.waker.attach(dispatch)
    controls = Loop("obey-controls", deps.controls.step)
    deps.controls.waker.attach(controls)
    return (
        dispatch,
        controls,
        Loop("reconcile", deps.reconciler.step, longest_seconds=SLOW_SECONDS),
        Loop("ask", deps.status_poller.step, longest_seconds=SLOW_SECONDS),
        Loop("missed-replies", deps.missed_replies.step, longest_seconds=SLOW_SECONDS),
        Loop("retention", partial(prune, deps.units, deps.settings), longest_seconds=SLOW_SECONDS),
        *audit_loops(deps.runtime, audit_tables),
    )
