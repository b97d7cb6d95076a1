"""The sender, put together."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from services.sender import api, consumer
from services.sender.engagement.links import api as links_api
from services.sender.numbers.backpressure import Backpressure
from services.sender.numbers.health import NumberHealth
from services.sender.providers.admission import Admission
from services.sender.providers.book import ProviderBook
from services.sender.queue import failing_dispatches
from services.sender.receipts.recording import Receipts
from services.sender.receipts.status_poller import StatusPoller
from services.sender.reconciliation.reconciler import Reconciler
from services.sender.replies import unassigned_api
from services.sender.replies.missed_replies import MissedReplies
from services.sender.replies.recording import Replies
from services.sender.replies.unassigned import UnassignedReplies
from services.sender.retention import Retention
from services.sender.sending.dispatcher import Dispatcher
from services.sender.sending.outcomes import Outcomes
from services.sender.sending.provider_calls import Calls
from services.sender.settings import SenderSettings
from services.sender.tables import metadata, system_tables
from shared.bus.errors import LogUnavailable
from shared.bus.marks import MARK_SECONDS
from shared.bus.read_progress import ReadProgress
from shared.events.topics import Topic
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Consumer, Runtime, Service, halted
from shared.tasks import WatchedTasks
from shared.wake import LoopWaker

__all__ = ["NAME", "Sender", "assemble", "build", "metadata"]

NAME = "sender"
NEWS = (Topic.CONSENTS, Topic.FOLLOW_UPS)
"""What may speak against a text that was cleared: the ledger's word, and that nobody wants it any more."""
_COMMIT_SECONDS = 0.03
"""A commit gathers for 20 ms; the dispatch loop looks a little later."""
LISTENERS = ("scheduler", "compliance")
"""Who must have acted on orders and withdrawals before marketing goes."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The service, and the parts of it that a test may want to step by hand."""

    service: Service
    dispatcher: Dispatcher
    calls: Calls
    outcomes: Outcomes
    reconciler: Reconciler
    asker: StatusPoller
    missed: MissedReplies
    book: ProviderBook
    backpressure: Backpressure


def build(runtime: Runtime) -> Service:
    """Return the sender as a process runs it."""
    return assemble(runtime, SenderSettings(), os.environ).service


def assemble(runtime: Runtime, settings: SenderSettings, environ: Mapping[str, str]) -> Sender:
    """Return the sender with its parts.

    Args:
        runtime: what the process gives.
        settings: the sender's own.
        environ: where secrets that merchants' files name are looked up.
    """
    units, sealer = runtime.units, runtime.sealer
    process_url = runtime.settings.address
    simulator_url = settings.simulator_url
    book = ProviderBook(runtime.merchants, environ, sealer, process_url=process_url, simulator_url=simulator_url)
    numbers = NumberHealth(units)
    backpressure = Backpressure(runtime.clock)
    outcomes = Outcomes(units)
    calls = Calls(runtime.clock, sealer, outcomes, numbers, most=settings.calls_at_once, process_url=process_url)

    waker = LoopWaker()
    handlers = consumer.router(partial(waker.wake_after, _COMMIT_SECONDS), sealer, runtime.log.partitions)
    handlers.works[failing_dispatches.PARKED_AS] = failing_dispatches.take_again
    events, tasks = Consumer.of(runtime, system_tables, handlers), WatchedTasks(NAME)
    source = events.source
    hearing = ReadProgress(
        source, runtime.log.marks(), units, system_tables, NEWS, listeners=LISTENERS, patience_seconds=MARK_SECONDS
    )

    async def is_hearing() -> bool:
        with contextlib.suppress(LogUnavailable):  # the last look grows old; what is no marketing goes on
            await hearing.look()
        return missed.is_caught_up() and halted(events, tasks) is None and (await units.read(hearing.news)).is_complete

    dispatcher = Dispatcher(
        units,
        sealer,
        book,
        calls,
        numbers,
        settings,
        backpressure,
        process_url=process_url,
        holding=source.holding,
        is_hearing=is_hearing,
        news=lambda uow: hearing.news(uow.db),
    )
    reconciler = Reconciler(
        units,
        sealer,
        book,
        holding=source.holding,
        horizon=timedelta(hours=settings.horizon_hours),
        pause_seconds=settings.reconcile_seconds,
    )
    replies = Replies(units, sealer)
    receipts = Receipts(units, sealer, backpressure, numbers)
    asker = StatusPoller(units, sealer, book, receipts, holding=source.holding)
    unassigned = UnassignedReplies(units, sealer, book, replies)
    missed = MissedReplies(units, runtime.merchants, book, replies, unassigned, holding=source.holding)
    dispatching = Loop("dispatch", dispatcher.step)

    waker.attach(dispatching)
    service = Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=units,
        consumer=events,
        tasks=tasks,
        routers=(
            api.router(units, Admission(runtime.merchants, book, sealer), receipts, replies),
            unassigned_api.router(unassigned, runtime.merchants),
            links_api.router(units, sealer),
        ),
        loops=(
            dispatching,
            Loop("reconcile", reconciler.step, longest_seconds=SLOW_SECONDS),
            Loop("ask", asker.step, longest_seconds=SLOW_SECONDS),
            Loop("missed-replies", missed.step, longest_seconds=SLOW_SECONDS),
            Loop("retention", Retention(units, settings).step, longest_seconds=SLOW_SECONDS),
        ),
        on_start=(waker.start, missed.begin, book.warm_up),
        on_stop=(calls.stop, book.close),
    )
    return Sender(service, dispatcher, calls, outcomes, reconciler, asker, missed, book, backpressure)
