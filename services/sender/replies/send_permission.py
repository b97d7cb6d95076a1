"""Whether a person may be written to, as far as the sender knows: its own opt-outs first, then the ledger's.

Every keyword takes the next number. Only a ledger change that names the current number may lift what a keyword set,
so neither an old START nor a slow ledger undoes a new STOP (send-protocol, section 5).
"""

from typing import Final, NamedTuple

from shared.events.consent import ConsentAct, ConsentChanged, SuppressionCause

_ENDS_REVIEW: Final = frozenset({ConsentAct.CONFIRMED, ConsentAct.RESTORED, ConsentAct.REVOKED})
"""Acts by which the person decided: a reply waiting for review is settled. A grant is not one: shops report grants
by themselves, without having read the reply."""
_REVOKED: Final = "revoked"


class SendPermission(NamedTuple):
    """What may not be sent to one person, and which keyword and ledger change it reflects."""

    suppressed: SuppressionCause | None = None
    marketing_suppressed: bool = False
    informational_suppressed: bool = False
    keyword_seq: int = 0
    consent_epoch: int = 0
    needs_review: bool = False

    def suppresses_same_as(self, other: "SendPermission") -> bool:
        """Return whether both forbid the same texts: all of the three suppressions are the same."""
        return self[:3] == other[:3]


def after_consent_change(permission: SendPermission, change: ConsentChanged) -> SendPermission:
    """Return the permission after a ledger change; an epoch that is not newer changes nothing.

    A change that knows every keyword is taken as it is; one that does not may tighten and never loosens.
    """
    if change.epoch <= permission.consent_epoch:
        return permission
    marketing = change.marketing.status == _REVOKED
    informational = change.informational.status == _REVOKED
    knows_all = change.keyword_seq >= permission.keyword_seq
    changed = permission._replace(
        suppressed=change.suppressed,
        marketing_suppressed=marketing,
        informational_suppressed=informational,
        consent_epoch=change.epoch,
        needs_review=permission.needs_review and not (knows_all and change.act in _ENDS_REVIEW),
    )
    if knows_all:
        return changed
    return changed._replace(
        suppressed=permission.suppressed or change.suppressed,
        marketing_suppressed=permission.marketing_suppressed or marketing,
        informational_suppressed=permission.informational_suppressed or informational,
    )


def after_stop(permission: SendPermission, *, marketing_only: bool, cause: SuppressionCause) -> SendPermission:
    """Return the permission after an opt-out by reply, which takes the next keyword number."""
    numbered = permission._replace(keyword_seq=permission.keyword_seq + 1)
    if marketing_only and cause is SuppressionCause.OPT_OUT:
        return numbered._replace(marketing_suppressed=True)
    lasting = permission.suppressed if permission.suppressed not in {None, SuppressionCause.OPT_OUT} else cause
    return numbered._replace(suppressed=lasting)


def after_start(permission: SendPermission) -> SendPermission:
    """Return the permission after an opt-in by reply: it takes the next keyword number and lifts nothing by itself."""
    return permission._replace(keyword_seq=permission.keyword_seq + 1)


def after_review(permission: SendPermission, *, was_opt_out: bool, marketing_only: bool) -> SendPermission:
    """Return the permission once somebody decided about an unclear reply: the hold ends, or it was an opt-out."""
    decided = permission._replace(needs_review=False)
    if not was_opt_out:
        return decided
    return after_stop(decided, marketing_only=marketing_only, cause=SuppressionCause.OPT_OUT)


def after_provider_block(permission: SendPermission, cause: SuppressionCause) -> SendPermission:
    """Return the permission after a provider refused the number for good; it takes the next keyword number."""
    return permission._replace(suppressed=permission.suppressed or cause, keyword_seq=permission.keyword_seq + 1)
