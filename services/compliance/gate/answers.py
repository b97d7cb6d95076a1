"""Texts that only answer the person: the confirmation of an opt-out and the answer to HELP (checks 4 and 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from services.compliance.gate.inputs import Consent, HistoryItem, PastKind
from services.compliance.gate.verdicts import Reason
from shared.events.follow_up import Purpose
from shared.rules.table import ConsentStatus


@dataclass(frozen=True, slots=True)
class AnswerRequested:
    """The person asked for this answer, which may go up to and including `until`."""

    until: datetime


AnswerRequest: TypeAlias = AnswerRequested | Reason


def answer_request(
    purpose: Purpose, consent: Consent, history: Sequence[HistoryItem], now: datetime, max_age: timedelta
) -> AnswerRequest:
    """Return until when this answer may go because the person asked for it, or why it must not.

    Source: compliance section 1, checks 4 and 5; 47 CFR 64.1200(a)(12).
    """
    if purpose is Purpose.OPT_OUT_CONFIRMATION:
        return _confirmation(consent, history, now, max_age)
    return _help(history, now, max_age)


def _confirmation(consent: Consent, history: Sequence[HistoryItem], now: datetime, max_age: timedelta) -> AnswerRequest:
    """Return whether the newest opt-out is to be confirmed: one confirmation for as long as a person stays opted out.

    A second STOP gets no second confirmation. A person who first withdrew elsewhere, and was sent nothing, gets the
    confirmation for their STOP.
    """
    revoked_at = consent.revoked_at
    standing = consent.status is ConsentStatus.REVOKED or consent.is_revoked()
    if revoked_at is None or not standing or revoked_at > now:
        return Reason.NO_RECENT_INBOUND
    since = min(revoked_at, consent.revoked_since or revoked_at)
    if any(past.kind is PastKind.OPT_OUT_CONFIRMATION and past.at >= since for past in history):
        return Reason.CONFIRMATION_ALREADY_SENT
    if now - revoked_at > max_age:
        return Reason.CONFIRMATION_EXPIRED
    return AnswerRequested(revoked_at + max_age)


def _help(history: Sequence[HistoryItem], now: datetime, max_age: timedelta) -> AnswerRequest:
    asked = max((past.at for past in history if past.kind is PastKind.INBOUND_HELP and past.at <= now), default=None)
    if asked is None or now - asked > max_age:
        return Reason.NO_RECENT_INBOUND
    if any(past.kind is PastKind.HELP and past.at >= asked for past in history):
        return Reason.NO_RECENT_INBOUND
    return AnswerRequested(asked + max_age)
