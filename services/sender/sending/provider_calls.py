"""Calls to providers: one for each intent, soon or not at all, never repeated; outcomes are always recorded."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from services.sender.instruments import ATTEMPTS, CALL_SECONDS, CALLS_UNDER_WAY
from services.sender.numbers.health import NumberHealth
from services.sender.providers.provider import OutgoingText
from services.sender.providers.reactions import Reaction
from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import AttemptUpdate
from services.sender.queue.conclusion import Conclusion
from services.sender.sending.answer_classification import Accepted, NotSent, ProviderAnswer, Refused, Unknown
from services.sender.sending.intent_decision import validity_seconds
from services.sender.sending.intents import Intent
from shared.batcher import Batcher
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.failpoints import failpoint
from shared.ids import AttemptId, FollowUpId
from shared.privacy import Sealer
from shared.telemetry.logs import logger

T = TypeVar("T")

START_WITHIN_SECONDS: Final = 2.0
"""A call is not made later than this after its intent (send-protocol 1.4): an opt-out may have come since."""
_DEFAULT_PAUSE_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 15.0
_GROUP_OUTCOMES: Final = 100
_LINGER_SECONDS: Final = 0.02
"""Answers of one group of calls arrive close together; a crash meanwhile leaves unknowns, which are looked up."""
_BACKOFF_SECONDS: Final = (0.1, 0.5, 1.0, 2.0)

_OUTCOMES: Final[dict[type[ProviderAnswer], str]] = {
    Accepted: "accepted",
    Refused: "refused",
    NotSent: "not_sent",
    Unknown: "unknown",
}
"""The metric's word for each answer."""

log = logger(__name__)


class ProviderCalls:
    """The calls under way in this process; nothing that can fail is done between an answer and its commit (1.5)."""

    def __init__(
        self, units: UnitOfWorkRunner, sealer: Sealer, numbers: NumberHealth, *, most: int, process_url: str
    ) -> None:
        self._units = units
        self._clock = units.clock
        self._sealer = sealer
        self._numbers = numbers
        self._most = most
        self._process_url = process_url
        self._tasks: set[asyncio.Task[None]] = set()
        self._shielded: set[asyncio.Future[Any]] = set()
        self._batcher: Batcher[AttemptUpdate, Conclusion | None] = Batcher(
            lambda updates: attempt_recording.commit(updates, units), _GROUP_OUTCOMES, _LINGER_SECONDS
        )
        self.is_stopping = False

    @property
    def free(self) -> int:
        """How many calls may start at once."""
        return 0 if self.is_stopping else max(0, self._most - len(self._tasks))

    def start(self, intent: Intent, pause: Callable[[str, float], None]) -> None:
        """Begin the one call of an intent; `pause` is called with its number where the provider asks to slow down."""
        task = asyncio.create_task(self._run(intent, pause))
        self._tasks.add(task)
        CALLS_UNDER_WAY.set(len(self._tasks))
        task.add_done_callback(self._on_call_done)

    async def shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish `work` even when the caller is cancelled: a committed intent without its call would become unknown."""
        task = asyncio.ensure_future(work)
        self._shielded.add(task)
        task.add_done_callback(self._shielded.discard)
        return await asyncio.shield(task)

    async def record(self, attempt_id: AttemptId, follow_up_id: FollowUpId, answer: ProviderAnswer) -> None:
        """Commit the outcome of a call, waiting in memory for as long as the database is unavailable.

        Where it cannot be committed for another reason, its intent becomes overdue, and then unknown.
        """
        failures = 0
        while True:
            try:
                await self._batcher.add(AttemptUpdate(attempt_id, follow_up_id, answer))
            except Fault as fault:
                if not fault.retryable:
                    raise
                await asyncio.sleep(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
                failures += 1
                log.warning("outcome_waits", code=fault.code, attempt_id=str(attempt_id))
            else:
                return

    async def drain(self) -> None:
        """Wait until the outcome of every call under way is recorded."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Start no more calls and wait for those under way; one that does not end becomes unknown later."""
        self.is_stopping = True
        if self._shielded:
            await asyncio.wait(self._shielded, timeout=_STOP_SECONDS)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, intent: Intent, pause: Callable[[str, float], None]) -> None:
        number = intent.dispatch.sender_number
        answer = await self._call(intent)
        failpoint("sender.after_call")
        await self.record(intent.attempt.id, intent.dispatch.follow_up_id, answer)
        failpoint("sender.after_outcome")
        if isinstance(answer, Refused) and answer.meaning.reaction is Reaction.SLOW_DOWN:
            pause(number, answer.retry_after_seconds or _DEFAULT_PAUSE_SECONDS)
        ATTEMPTS.labels(intent.route.provider.kind, _OUTCOMES[type(answer)]).inc()
        await self._numbers.note(number, answer)

    async def _call(self, intent: Intent) -> ProviderAnswer:
        """Make the call, unless the intent is too old."""
        provider = intent.route.provider
        text = self._text(intent)
        if self._clock.monotonic() - intent.started_at >= START_WITHIN_SECONDS:
            return NotSent("started_too_late")
        with CALL_SECONDS.labels(provider.kind).time():
            try:
                return await provider.send(text)
            except Exception as problem:  # noqa: BLE001 - an adapter that crashes may have sent
                log.error("provider_call_crashed", provider=provider.kind, error=type(problem).__name__)  # noqa: TRY400 - a traceback may hold the text
                return Unknown("call_crashed")

    def _text(self, intent: Intent) -> OutgoingText:
        closes = intent.dispatch.window_closes_at
        return OutgoingText(
            to=intent.composed.to,
            sender_number=intent.dispatch.sender_number,
            body=intent.composed.text,
            callback_url=intent.route.callback_url(intent.attempt.id, self._sealer, self._process_url),
            validity_seconds=None if closes is None else validity_seconds(closes, self._clock.now()),
        )

    def _on_call_done(self, task: asyncio.Task[None]) -> None:
        """Forget a finished call; the intent of one that crashed becomes overdue, and then unknown."""
        self._tasks.discard(task)
        CALLS_UNDER_WAY.set(len(self._tasks))
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("call_not_written_down", error=type(problem).__name__)
