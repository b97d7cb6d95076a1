"""Whether a person may be written to, as far as the sender knows: its own STOPs first, then the ledger.

Every keyword takes the next number; only a standing that echoes the current one may lift what a keyword set, so that
neither an old START nor a slow ledger undoes a new STOP (send-protocol, section 5).
"""

from dataclasses import dataclass, replace
from typing import Final

from shared.events.consent import ConsentAct, ConsentChanged, SuppressionCause

_DECIDED: Final = frozenset({ConsentAct.CONFIRMED, ConsentAct.RESTORED, ConsentAct.REVOKED})
"""Somebody made up their mind: a reply that waited for review waits no more. A grant is no such word: shops report
grants by themselves, and have read no reply."""
_REVOKED: Final = "revoked"


@dataclass(frozen=True, slots=True)
class SendPermission:
    """What the person's row holds of it."""

    suppressed: SuppressionCause | None
    marketing_suppressed: bool
    informational_suppressed: bool
    keyword_seq: int
    epoch: int
    needs_review: bool

    def stops_as(self, other: "SendPermission") -> bool:
        """Return whether it keeps the same texts from the person as another one."""
        return self._stopped() == other._stopped()  # noqa: SLF001 - of the same class

    def _stopped(self) -> tuple[SuppressionCause | None, bool, bool]:
        return self.suppressed, self.marketing_suppressed, self.informational_suppressed

    def with_review(self) -> "SendPermission":
        """Return it after a reply that somebody must read."""
        return replace(self, needs_review=True)


def after_change(standing: SendPermission, change: ConsentChanged) -> SendPermission:
    """Return the standing after the ledger spoke; an epoch that is not newer says nothing.

    A change that knows of every keyword is taken as it is; one that does not may tighten, never loosen.
    """
    if change.epoch <= standing.epoch:
        return standing
    marketing = change.marketing.status == _REVOKED
    informational = change.informational.status == _REVOKED
    knows_all = change.keyword_seq >= standing.keyword_seq
    told = replace(
        standing,
        suppressed=change.suppressed,
        marketing_suppressed=marketing,
        informational_suppressed=informational,
        epoch=change.epoch,
        needs_review=standing.needs_review and not (knows_all and change.act in _DECIDED),
    )
    if knows_all:
        return told
    return replace(
        told,
        suppressed=standing.suppressed or change.suppressed,
        marketing_suppressed=standing.marketing_suppressed or marketing,
        informational_suppressed=standing.informational_suppressed or informational,
    )


def after_stop(standing: SendPermission, *, marketing_only: bool, cause: SuppressionCause) -> SendPermission:
    """Return the standing after an opt-out by reply, which takes the next keyword number."""
    numbered = replace(standing, keyword_seq=standing.keyword_seq + 1)
    if marketing_only and cause is SuppressionCause.OPT_OUT:
        return replace(numbered, marketing_suppressed=True)
    lasting = standing.suppressed if standing.suppressed not in {None, SuppressionCause.OPT_OUT} else cause
    return replace(numbered, suppressed=lasting)


def after_start(standing: SendPermission) -> SendPermission:
    """Return the standing after an opt-in by reply: it takes the next number and lifts nothing by itself."""
    return replace(standing, keyword_seq=standing.keyword_seq + 1)
