"""Frequency caps: how many texts of a purpose went out in a rolling period, and when there is room again."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.compliance.gate.inputs import TEXT_OF, HistoryItem, Policy
from shared.events.follow_up import Purpose
from shared.rules.table import FrequencyCap, Rule, RuleTable


def applicable_caps(
    purpose: Purpose, binding: Sequence[Rule], rules: RuleTable, policy: Policy
) -> tuple[FrequencyCap, ...]:
    """Return every cap that applies to a text: for marketing ours, the statutes' and the merchant's.

    Informational texts have only the merchant's own caps, other purposes none (compliance section 2). A merchant may
    lower by adding a tighter cap. A jurisdiction named in `allow_above_statutory` loses its own cap there, and ours too
    once every applicable jurisdiction is named (compliance section 9).
    """
    if purpose is Purpose.INFORMATIONAL:
        return policy.informational_caps
    if purpose is not Purpose.MARKETING:
        return ()
    statutory = [cap for rule in binding if rule.id not in policy.allow_above_statutory for cap in rule.caps]
    waived = bool(policy.marketing_caps) and all(rule.id in policy.allow_above_statutory for rule in binding)
    ours = () if waived else rules.policy_caps
    return tuple(dict.fromkeys((*ours, *statutory, *policy.marketing_caps)))


def text_times(history: Iterable[HistoryItem], purpose: Purpose) -> tuple[datetime, ...]:
    """Return when texts of a purpose went out, newest first; nothing else counts."""
    kind = TEXT_OF[purpose]
    return tuple(sorted((past.at for past in history if past.kind is kind), reverse=True))


def next_room(caps: Iterable[FrequencyCap], sent: Sequence[datetime], at: datetime) -> datetime | None:
    """Return the first instant not before `at` when every cap has room; None if a cap is 0.

    That is when the oldest of the newest `maximum` texts (`sent` is newest first) is older than the period. Half open:
    a text counts while `sent_at > t - period`, so one exactly 24 h old no longer does. Elapsed time, not wall clock
    time: a change of the clocks does not extend it.
    """
    room = at
    for cap in caps:
        if cap.maximum == 0:
            return None
        if len(sent) >= cap.maximum:
            room = max(room, sent[cap.maximum - 1] + timedelta(hours=cap.hours))
    return room
