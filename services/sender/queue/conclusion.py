"""What an observation of an attempt changes: the answer to its call, a receipt, a listing, or no answer for too long.

Pure and total. Observations may come twice, late and in any order; what the provider once accepted stays accepted.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from services.sender.providers.reactions import CodeMeaning, Reaction
from services.sender.queue import announcements
from services.sender.queue.dispatches import Attempt, AttemptSnapshot, Dispatch
from services.sender.queue.states import AttemptState, DispatchState, is_concluded, may_become
from services.sender.receipts.poll_schedule import next_status_query
from services.sender.receipts.status_lattice import FINAL, ProviderStatus, highest_status
from services.sender.reconciliation.decision import FIRST_LOOK, Adopt, GiveUp, ProvenAbsent
from services.sender.sending.answer_classification import Accepted, NotSent, Refused, Unknown
from services.sender.unknowns.resolution import NOT_PROVABLE, SAID_NOT_SENT, SAID_SENT, SaidNotSent, SaidSent
from shared.events.consent import SuppressionCause
from shared.events.dispatch import ErrorClass
from shared.events.envelope import Event
from shared.events.follow_up import Purpose, ResendPolicy
from shared.progress import UNANSWERED

_ACCEPTED_BY_PROVIDER: Final = frozenset({AttemptState.ACCEPTED, AttemptState.RETURNED})
_BACKOFF_SECONDS: Final = (1, 2, 5, 10, 30)
_NEVER_SENT: Final = frozenset({Reaction.ASK_AGAIN, Reaction.HALT, Reaction.CAPPED})
"""In a receipt, these mean that the carrier never got the text."""
_NUMBER_FAULTS: Final = frozenset({Reaction.HALT, Reaction.CAPPED})
_MOST_ATTEMPTS_OF_NUMBER_FAULTS: Final = 20
"""A follow-up waits for its halted or capped number, but not without end: each try is one attempt."""
_HALT_RETRY: Final = timedelta(minutes=5)
_CAP_TIME_ZONE: Final = ZoneInfo("America/Los_Angeles")


class Receipt(NamedTuple):
    """The status of a text, as the provider reported it in a callback or answered it when asked."""

    provider_message_id: str
    status: ProviderStatus | None
    code: str | None = None
    meaning: CodeMeaning | None = None
    """What the code means; set where there is one."""
    asked_at: datetime | None = None
    """When the provider was asked; None for a callback."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """No answer 30 s after the deadline."""


AttemptObservation: TypeAlias = (
    Accepted | Refused | NotSent | Unknown | Receipt | Adopt | ProvenAbsent | GiveUp | Overdue | SaidSent | SaidNotSent
)


class Conclusion(NamedTuple):
    """What an observation changed; the same values where it changed nothing."""

    attempt: Attempt
    dispatch: Dispatch
    events: tuple[Event, ...] = ()
    suppress: SuppressionCause | None = None
    alarm: str | None = None
    """Why an operator must look at it: ``double``, ``contradiction``, or the error class of a code."""
    number_fault: Refused | None = None
    """A fault of the sender number that a receipt reports; number health treats it as the answer to a call."""


def conclude(
    attempt: Attempt, dispatch: Dispatch, observation: AttemptObservation, now: datetime, *, another_is_live: bool
) -> Conclusion:
    """Return an attempt and its dispatch after an observation.

    `another_is_live`: a later attempt of the same follow-up is under way or was accepted.
    """
    match observation:
        case Accepted():
            return _accepted(attempt, dispatch, observation, now, reconciled=False, another_is_live=another_is_live)
        case Adopt(listed):
            answer = Accepted(listed.provider_message_id)
            change = _accepted(attempt, dispatch, answer, now, reconciled=True, another_is_live=another_is_live)
            receipt = Receipt(listed.provider_message_id, listed.status, listed.code, listed.meaning)
            return _combined(change, _with_status(change.attempt, change.dispatch, receipt, now))
        case Receipt():
            return _with_receipt(attempt, dispatch, observation, now, another_is_live=another_is_live)
        case Refused():
            return _refused(attempt, dispatch, observation, now)
        case NotSent(reason):
            ended = _concluded(attempt, AttemptState.NOT_SENT, now, reason=reason)
            return _requeued(attempt, ended, dispatch, now, _backoff(attempt.n), reason="not_sent", detail=reason)
        case Unknown(reason):
            return _unknown(attempt, dispatch, reason, now)
        case Overdue():
            return _unknown(attempt, dispatch, "no_outcome", now)
        case ProvenAbsent() | GiveUp() | SaidSent() | SaidNotSent():
            return _after_looking(attempt, dispatch, observation, now, another_is_live=another_is_live)
        case _:
            assert_never(observation)


def _after_looking(
    attempt: Attempt,
    dispatch: Dispatch,
    found: ProvenAbsent | GiveUp | SaidSent | SaidNotSent,
    now: datetime,
    *,
    another_is_live: bool,
) -> Conclusion:
    """Return what follows from looking at the provider, by its listing or by somebody's own eyes."""
    match found:
        case ProvenAbsent():
            return _proven_absent(attempt, dispatch, now, "proven_absent", send_again=True)
        case SaidNotSent(send_again):
            return _proven_absent(attempt, dispatch, now, SAID_NOT_SENT, send_again=send_again)
        case GiveUp():
            return _assumed_sent(attempt, dispatch, now, NOT_PROVABLE)
        case SaidSent(provider_message_id):
            if provider_message_id is None:
                return _assumed_sent(attempt, dispatch, now, SAID_SENT)
            answer = Accepted(provider_message_id)
            change = _accepted(attempt, dispatch, answer, now, reconciled=True, another_is_live=another_is_live)
            return change if change.alarm == "double" else change._replace(alarm=None)


def may_change(receipt: Receipt, attempt: AttemptSnapshot) -> bool:
    """Return whether a receipt may change its attempt: once accepted under this id, only a higher final status does.

    Other receipts are only stored. An attempt never goes back, so this holds without a lock.
    """
    if attempt.state not in _ACCEPTED_BY_PROVIDER or attempt.provider_message_id != receipt.provider_message_id:
        return True
    return receipt.status in FINAL and highest_status(attempt.status, receipt.status) is not attempt.status


def _accepted(
    attempt: Attempt, dispatch: Dispatch, answer: Accepted, now: datetime, *, reconciled: bool, another_is_live: bool
) -> Conclusion:
    """The provider accepted it. A second id for one attempt, or a second live attempt, means it was sent twice."""
    if attempt.provider_message_id is not None and attempt.provider_message_id != answer.provider_message_id:
        return Conclusion(attempt, dispatch, alarm="double")
    if attempt.state in _ACCEPTED_BY_PROVIDER:
        return Conclusion(_with_answer(attempt, answer), dispatch)
    if another_is_live:
        return Conclusion(_with_answer(attempt, answer), dispatch, alarm="double")
    alarm = "late_proof" if is_concluded(attempt.state) else None
    accepted = _with_answer(
        attempt,
        answer,
        state=AttemptState.ACCEPTED,
        accepted_at=now,
        concluded_at=now,
        ask_at=None if attempt.status in FINAL else next_status_query(now, now),
    )
    event = announcements.accepted(
        accepted,
        dispatch,
        reconciled=reconciled,
        price_micros=answer.price_micros,
        currency=answer.currency,
        now=now,
    )
    return Conclusion(
        accepted, dispatch._replace(state=DispatchState.ACCEPTED, reason=None, retry_at=None), (event,), alarm=alarm
    )


def _with_answer(attempt: Attempt, answer: Accepted, **more: Any) -> Attempt:
    """Return the attempt with what an answer says about it."""
    return attempt._replace(
        provider_message_id=answer.provider_message_id,
        parts=answer.parts or attempt.parts,
        status=highest_status(attempt.status, answer.status),
        **more,
    )


def _with_receipt(
    attempt: Attempt, dispatch: Dispatch, receipt: Receipt, now: datetime, *, another_is_live: bool
) -> Conclusion:
    """A receipt proves that the text was accepted, and may report a later status."""
    if attempt.state in _ACCEPTED_BY_PROVIDER and attempt.provider_message_id == receipt.provider_message_id:
        return _with_status(attempt, dispatch, receipt, now)  # nearly always: it was accepted under this id
    answer = Accepted(receipt.provider_message_id)
    change = _accepted(attempt, dispatch, answer, now, reconciled=True, another_is_live=another_is_live)
    if change.alarm == "double":
        return change
    return _combined(change, _with_status(change.attempt, change.dispatch, receipt, now))


def _with_status(attempt: Attempt, dispatch: Dispatch, receipt: Receipt, now: datetime) -> Conclusion:
    """Apply a status; only a higher one changes anything."""
    status = highest_status(attempt.status, receipt.status)
    if status is attempt.status:
        return Conclusion(attempt, dispatch)
    before = attempt.status
    attempt = attempt._replace(status=status, ask_at=None if status in FINAL else attempt.ask_at)
    if status is ProviderStatus.DELIVERED:
        event = announcements.delivered(attempt, dispatch, now, asked_at=receipt.asked_at)
        return Conclusion(attempt, dispatch._replace(state=DispatchState.DELIVERED, retry_at=None), (event,))
    if status in FINAL and before not in FINAL:
        return _not_delivered(attempt, dispatch, receipt, str(status), now)
    return Conclusion(attempt, dispatch)


def _not_delivered(attempt: Attempt, dispatch: Dispatch, receipt: Receipt, reason: str, now: datetime) -> Conclusion:
    """It was not delivered; only codes that mean "never sent" ask the gate again (send-protocol, section 3)."""
    meaning = receipt.meaning or CodeMeaning(ErrorClass.UNKNOWN)
    retry_at = _gate_retry_at(meaning, attempt, dispatch, now)
    attempt = attempt._replace(
        state=attempt.state if retry_at is None else AttemptState.RETURNED,
        error_class=meaning.error_class,
        code=receipt.code,
        reason=reason,
    )
    change = _failed(attempt, dispatch, now, reason, retry_at, meaning, receipt)
    fault = Refused(receipt.code or "", meaning) if meaning.reaction in _NUMBER_FAULTS else None
    return change._replace(number_fault=fault)


def _failed(
    attempt: Attempt,
    dispatch: Dispatch,
    now: datetime,
    reason: str,
    retry_at: datetime | None,
    meaning: CodeMeaning | None = None,
    receipt: Receipt | None = None,
) -> Conclusion:
    """It failed, as its call or a `receipt` reports; the gate is asked again at `retry_at`, where it is set."""
    event = announcements.failed(
        attempt,
        dispatch,
        now,
        accepted=receipt is not None,
        reason=reason,
        error_class=meaning.error_class if meaning else None,
        code=attempt.code,
        retry_at=retry_at,
        asked_at=receipt.asked_at if receipt else None,
    )
    dispatch = dispatch._replace(state=DispatchState.FAILED, reason=reason, retry_at=retry_at)
    return Conclusion(attempt, dispatch, (event,), meaning.suppress if meaning else None, _alarm(meaning))


def _alarm(meaning: CodeMeaning | None) -> str | None:
    return str(meaning.error_class) if meaning and meaning.alarm else None


def _gate_retry_at(meaning: CodeMeaning, attempt: Attempt, dispatch: Dispatch, now: datetime) -> datetime | None:
    """Return when the gate is asked again: after a daily cap at the next midnight, after a halt some minutes later.

    None where it is not: the code does not mean "never sent", or the follow-up was cancelled or tried often enough.

    Source: compliance section 13 (daily caps of US 10DLC traffic are counted by the Pacific day).
    """
    wanted = meaning.reaction in _NEVER_SENT or (
        meaning.reaction is Reaction.ASK_AGAIN_TRANSACTIONAL and dispatch.purpose is Purpose.TRANSACTIONAL
    )
    most = _MOST_ATTEMPTS_OF_NUMBER_FAULTS if meaning.reaction in _NUMBER_FAULTS else meaning.most_attempts
    if not wanted or attempt.n >= most or dispatch.cancelled:
        return None
    match meaning.reaction:
        case Reaction.CAPPED:
            tomorrow = now.astimezone(_CAP_TIME_ZONE).date() + timedelta(days=1)
            return datetime.combine(tomorrow, time(), _CAP_TIME_ZONE).astimezone(UTC)
        case Reaction.HALT:
            return now + max(meaning.after, _HALT_RETRY)
        case _:
            return now + meaning.after


def _refused(attempt: Attempt, dispatch: Dispatch, refused: Refused, now: datetime) -> Conclusion:
    """The provider refused. Where it is busy or the fault is ours, the follow-up waits; otherwise it fails."""
    meaning = refused.meaning
    ended = _concluded(attempt, AttemptState.REFUSED, now, reason="refused")._replace(
        error_class=meaning.error_class, code=refused.code
    )
    if meaning.reaction in {Reaction.SLOW_DOWN, Reaction.HALT}:
        wait = max(timedelta(seconds=refused.retry_after_seconds or 0), _backoff(attempt.n))
        change = _requeued(
            attempt, ended, dispatch, now, wait, reason=str(meaning.error_class), detail=refused.code or None
        )
        return change._replace(alarm=change.alarm or _alarm(meaning))
    if not may_become(attempt.state, AttemptState.REFUSED):
        return _contradiction(attempt, dispatch)
    return _failed(ended, dispatch, now, "refused", _gate_retry_at(meaning, attempt, dispatch, now), meaning)


def _requeued(
    attempt: Attempt,
    ended: Attempt,
    dispatch: Dispatch,
    now: datetime,
    pause: timedelta,
    *,
    reason: str,
    detail: str | None,
) -> Conclusion:
    """Return to the queue: nothing was sent, and the clearance may still hold."""
    if not may_become(attempt.state, ended.state):
        return _contradiction(attempt, dispatch)
    if dispatch.cancelled:
        return Conclusion(ended, dispatch._replace(state=DispatchState.CANCELLED, ready_at=now + pause))
    event = announcements.waiting(ended, dispatch, now, reason=reason, detail=detail, until=now + pause)
    return Conclusion(ended, dispatch._replace(state=DispatchState.QUEUED, ready_at=now + pause), (event,))


def _unknown(attempt: Attempt, dispatch: Dispatch, reason: str, now: datetime) -> Conclusion:
    """No answer shows whether it was sent; announced at once, because reconciling may take a while."""
    if not may_become(attempt.state, AttemptState.UNKNOWN):
        return Conclusion(attempt, dispatch)
    event = announcements.waiting(attempt, dispatch, now, reason=UNANSWERED, detail=reason, until=now + FIRST_LOOK)
    return Conclusion(
        attempt._replace(state=AttemptState.UNKNOWN, reason=reason),
        dispatch._replace(state=DispatchState.UNKNOWN),
        (event,),
    )


def _proven_absent(attempt: Attempt, dispatch: Dispatch, now: datetime, reason: str, *, send_again: bool) -> Conclusion:
    """It was not sent; whether it may be sent again is the flow's policy, and the gate's decision."""
    if not may_become(attempt.state, AttemptState.PROVEN_ABSENT):
        return Conclusion(attempt, dispatch)
    may_go_again = dispatch.resend is ResendPolicy.RESEND_WHEN_ABSENT and not dispatch.cancelled
    may_go_again = may_go_again and attempt.state is AttemptState.UNKNOWN  # after that its follow-up has ended
    retry_at = now if may_go_again and send_again else None
    ended = _concluded(attempt, AttemptState.PROVEN_ABSENT, now, reason=reason)
    return _failed(ended, dispatch, now, reason, retry_at)


def _assumed_sent(attempt: Attempt, dispatch: Dispatch, now: datetime, reason: str) -> Conclusion:
    """It counts as sent; announced once, whoever says so afterwards."""
    if attempt.state is AttemptState.ASSUMED_SENT and reason == SAID_SENT:
        return Conclusion(attempt._replace(reason=reason), dispatch._replace(reason=reason))
    if not may_become(attempt.state, AttemptState.ASSUMED_SENT):
        return Conclusion(attempt, dispatch)
    ended = _concluded(attempt, AttemptState.ASSUMED_SENT, now, reason=reason)
    event = announcements.unknown(ended, dispatch, now, reason)
    alarm = NOT_PROVABLE if reason == NOT_PROVABLE else None
    return Conclusion(ended, dispatch._replace(reason=reason), (event,), alarm=alarm)


def _contradiction(attempt: Attempt, dispatch: Dispatch) -> Conclusion:
    """The call was refused and a callback proves acceptance: the callback holds, and an alarm is raised."""
    return Conclusion(attempt, dispatch, alarm="contradiction" if attempt.provider_message_id else None)


def _concluded(attempt: Attempt, state: AttemptState, now: datetime, *, reason: str) -> Attempt:
    return attempt._replace(state=state, concluded_at=now, reason=reason)


def _combined(first: Conclusion, second: Conclusion) -> Conclusion:
    return second._replace(events=(*first.events, *second.events), alarm=first.alarm or second.alarm)


def _backoff(n: int) -> timedelta:
    return timedelta(seconds=_BACKOFF_SECONDS[min(n, len(_BACKOFF_SECONDS)) - 1])
