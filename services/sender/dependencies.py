"""What the entry points of the sender (HTTP, events, time) work with; the only place that constructs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from services.sender.consumer import QueueHandlers, create_router
from services.sender.controls.handlers import ControlHandlers
from services.sender.conversations.inbox import Inbox
from services.sender.conversations.review import ReplyReviews
from services.sender.conversations.saved_answers import SavedAnswers
from services.sender.numbers.backpressure import Backpressure
from services.sender.numbers.health import NumberHealth
from services.sender.privacy import SenderPrivacy
from services.sender.providers.accounts import ProviderAccounts
from services.sender.providers.admission import Admission
from services.sender.queue.sent_texts import SentTexts
from services.sender.receipts.intake import ReceiptIntake
from services.sender.receipts.status_poller import StatusPoller
from services.sender.reconciliation.reconciler import Reconciler
from services.sender.replies.intake import ReplyIntake
from services.sender.replies.missed_replies import MissedReplies
from services.sender.replies.unassigned import UnassignedReplies
from services.sender.sending.dispatcher import Dispatcher
from services.sender.sending.provider_calls import ProviderCalls
from services.sender.sending.readiness import SendReadiness
from services.sender.settings import SenderSettings
from services.sender.tables import audit_tables, system_tables
from services.sender.unknowns.unknowns import UnknownTexts
from shared.audit_log import AuditLog
from shared.bus.marks import MARK_SECONDS
from shared.bus.read_progress import ReadProgress
from shared.config.directory import MerchantDirectory
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.events.topics import Topic
from shared.loop import LoopWaker
from shared.privacy import Sealer
from shared.service import Consumer, Runtime
from shared.tasks import WatchedTasks

NAME: Final = "sender"
OPT_OUT_TOPICS: Final = (Topic.CONSENTS, Topic.FOLLOW_UPS)
"""Topics whose unread events may forbid a follow-up that was cleared: withdrawals and cancellations."""
_GATHER_SECONDS: Final = 0.02
"""How long texts gather that were just queued: one batch costs less than many."""
LISTENERS: Final = ("scheduler", "compliance")
"""Services that must have acted on orders and withdrawals before marketing is sent."""


@dataclass(frozen=True, slots=True)
class SenderDependencies:
    """The parts of the sender, each constructed once."""

    units: UnitOfWorkRunner
    sealer: Sealer
    settings: SenderSettings
    merchants: MerchantDirectory
    consumer: Consumer
    tasks: WatchedTasks
    waker: LoopWaker
    controls: ControlHandlers
    providers: ProviderAccounts
    admission: Admission
    backpressure: Backpressure
    calls: ProviderCalls
    dispatcher: Dispatcher
    reconciler: Reconciler
    receipts: ReceiptIntake
    status_poller: StatusPoller
    replies: ReplyIntake
    inbox: Inbox
    saved_answers: SavedAnswers
    reviews: ReplyReviews
    unassigned: UnassignedReplies
    unknowns: UnknownTexts
    missed_replies: MissedReplies
    sent_texts: SentTexts
    audit: AuditLog
    runtime: Runtime

    @classmethod
    def of(cls, runtime: Runtime, settings: SenderSettings, environ: Mapping[str, str]) -> Self:
        """Return the parts; the secrets that merchants' files name are looked up in `environ`."""
        units, sealer, merchants = runtime.units, runtime.sealer, runtime.merchants
        process_url, tasks, waker = runtime.settings.address, WatchedTasks(NAME), LoopWaker()
        controls = ControlHandlers(units)
        queue = QueueHandlers(partial(waker.wake_after, _GATHER_SECONDS), runtime.log.partitions)
        router = create_router(queue, SenderPrivacy(system_tables, sealer), controls)
        consumer = Consumer.of(runtime, system_tables, router)
        holding = consumer.source.assignment
        providers = ProviderAccounts(
            merchants, environ, sealer, process_url=process_url, simulator_url=settings.simulator_url
        )
        numbers, backpressure = NumberHealth(units), Backpressure(runtime.clock)
        calls = ProviderCalls(units, sealer, numbers, most=settings.calls_at_once, process_url=process_url)
        receipts, replies = ReceiptIntake(units, sealer, backpressure, numbers), ReplyIntake(units, sealer)
        audit = AuditLog(audit_tables, sealer)
        unassigned = UnassignedReplies(units, sealer, providers, replies, audit)
        missed_replies = MissedReplies(units, merchants, providers, replies, unassigned, holding=holding)
        return cls(
            units=units,
            sealer=sealer,
            settings=settings,
            merchants=merchants,
            consumer=consumer,
            tasks=tasks,
            waker=waker,
            controls=controls,
            providers=providers,
            admission=Admission(merchants, providers, sealer),
            backpressure=backpressure,
            calls=calls,
            dispatcher=Dispatcher(
                units,
                sealer,
                providers,
                calls,
                numbers,
                settings,
                backpressure,
                SendReadiness(units, _progress(runtime, consumer), missed_replies, consumer, tasks),
                process_url=process_url,
                holding=holding,
            ),
            reconciler=Reconciler(units, sealer, providers, settings, holding=holding),
            receipts=receipts,
            status_poller=StatusPoller(units, providers, receipts, holding=holding),
            replies=replies,
            inbox=Inbox(units, sealer, audit),
            saved_answers=SavedAnswers(units, audit),
            reviews=ReplyReviews(units, sealer, audit),
            unassigned=unassigned,
            unknowns=UnknownTexts(units, sealer, settings, audit),
            missed_replies=missed_replies,
            sent_texts=SentTexts(units, sealer, audit),
            audit=audit,
            runtime=runtime,
        )


def _progress(runtime: Runtime, consumer: Consumer) -> ReadProgress:
    return ReadProgress(
        consumer.source,
        runtime.log.marks(),
        runtime.units,
        system_tables,
        OPT_OUT_TOPICS,
        listeners=LISTENERS,
        patience_seconds=MARK_SECONDS,
    )
