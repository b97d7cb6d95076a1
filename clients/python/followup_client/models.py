# Written by `make docs` from docs/reference/openapi.json; make it anew instead of editing it.
"""What the API takes and answers, by the names of its document."""

from __future__ import annotations  # a class may name one that stands below it

from datetime import date as Date
from datetime import time as Time
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, Field

from followup_client.bases import Answer, Body

ActorKind: TypeAlias = Literal['api_key', 'user', 'operator', 'stranger']
"""In what capacity somebody acted."""

AddressClass: TypeAlias = Literal['this_machine', 'private', 'public', 'none']
"""Where a request came from. The address itself is personal, and is not kept."""

ApprovalAction: TypeAlias = Literal['resume']
"""What can wait for a second person's yes."""

BreakerState: TypeAlias = Literal['closed', 'open', 'halted']
"""Closed lets calls through, open does not, halted waits until our account or registration works again."""

ConsentAct: TypeAlias = Literal['granted', 'pending', 'confirmed', 'revoked', 'restored', 'expired', 'imported']
"""The act that a claim reports (compliance section 3, field `event`)."""

ConsentLevel: TypeAlias = Literal['pewc', 'express', 'implied', 'soft_opt_in', 'contract', 'unknown']
"""How strong a permission is (compliance section 3)."""

ConsentScope: TypeAlias = Literal['marketing', 'informational', 'all']
"""What a claim is about."""

ControlAction: TypeAlias = Literal['pause', 'stop']
"""What a control does with the texts in its scope."""

ConversationState: TypeAlias = Literal['closed', 'read', 'unread', 'needs_review']
"""How much somebody should look at a conversation; later ones stand first in the inbox."""

DayState: TypeAlias = Literal['in_order', 'not_signed_yet', 'broken', 'too_large']
"""How a day stands."""

DeliveryFilter: TypeAlias = Literal['all', 'pending', 'delivered', 'dead', 'discarded', 'erased']
"""Which notifications are listed."""

DeliveryState: TypeAlias = Literal['pending', 'delivered', 'dead', 'discarded', 'erased']
"""Where one notification for one endpoint stands."""

Dimension: TypeAlias = Literal['flow', 'day', 'hour', 'weekday', 'segment', 'number', 'provider', 'version']
"""The values of `GET /v1/kpis?by=`."""

Doing: TypeAlias = Literal['planned', 'waiting', 'under_way', 'at_the_gate', 'sending', 'unanswered', 'sent', 'ended']
"""What happens with it."""

FollowUpState: TypeAlias = Literal['pending', 'released', 'dispatched', 'delivered', 'unconfirmed', 'failed', 'unknown', 'blocked', 'cancelled', 'expired']
"""The state of a follow-up; only the scheduler's matrix changes it."""

HandOver: TypeAlias = Literal['processed', 'failed', 'behind', 'gone']
"""What became of a parked event that was to be handled again."""

InboxFilter: TypeAlias = Literal['open', 'needs_review', 'unread', 'read', 'closed', 'all']
"""Which conversations are listed."""

Measure: TypeAlias = Literal['triggers', 'orders', 'order_value', 'planned', 'deferred', 'lapsed', 'blocked', 'cancelled', 'expired', 'accepted', 'parts', 'cost_micros', 'unpriced', 'delivered', 'reached', 'failed', 'unknown', 'replies', 'replied', 'opted_out', 'clicks', 'robot_clicks', 'clicked', 'conversions', 'converted', 'text_revenue', 'revenue', 'opt_outs', 'opt_ins', 'opt_out_milliseconds', 'timed_opt_outs', 'erasures', 'in_state']
"""The measures; each counts facts unless its docstring says otherwise."""

OverviewPeriod: TypeAlias = Literal['24h', '7d', '30d']
"""The period that the page covers."""

ReasonState: TypeAlias = Literal['none', 'kept', 'erased', 'changed']
"""What is known of the reason of an action."""

ResolutionOutcome: TypeAlias = Literal['sent', 'not_sent']
"""What became of a call without an answer."""

Tone: TypeAlias = Literal['plain', 'good', 'wait', 'bad', 'glad']
"""The tone of a step, which decides its colour and sign."""

TriggerKind: TypeAlias = Literal['purchase', 'inquiry', 'checkout_started', 'checkout_completed', 'fulfilment', 'in_transit', 'out_for_delivery', 'ready_for_pickup', 'delivery_attempted', 'delivery_failed', 'delivery', 'refund', 'cancellation', 'booking', 'customer_updated', 'subscription_cancel_started', 'loyalty_changed', 'survey_answered']
"""Built-in kinds; any other is ``custom.<name>`` (formats, `POST /v1/events`)."""

Unit: TypeAlias = Literal['ratio', 'percent', 'seconds', 'minor', 'count']
"""The unit of a value."""


class AmountAnswer(Answer):
    """An amount of money."""

    currency: str
    minor: float


class AmountBody(Body):
    """Money in minor units."""

    minor: int
    currency: str


class AnswerRequest(Body):
    """What the second person says."""

    answer: Literal['yes', 'no']
    texts: int | None = None
    """With yes: how many texts you were shown (`texts_now`)."""
    reason: str | None = None


class AnswerTimesView(Answer):
    """How long a provider took to answer, of the newest calls."""

    calls: int
    median_seconds: float
    p95_seconds: float


class ApprovalAnswer(Answer):
    """What waits for a second person's yes, or did."""

    approval_id: UUID
    action: ApprovalAction | str
    subject: ApprovalSubjectAnswer
    state: Literal['open', 'yes', 'no', 'expired', 'over'] | str
    texts: int
    texts_now: int | None
    asked_by: str
    asked_at: AwareDatetime
    reason: str
    expires_at: AwareDatetime
    answered_by: str | None
    answered_at: AwareDatetime | None
    answer_reason: str | None
    is_own: bool
    may_say_yes: bool


class ApprovalPage(Answer):
    """A merchant's questions for a second person, the newest first."""

    approvals: list[ApprovalAnswer]
    next_cursor: str | None


class ApprovalSubjectAnswer(Answer):
    """What it is done to; which texts, all of the merchant's where nothing is named."""

    controls: list[UUID]
    flow: str | None
    step: str | None
    number: str | None
    provider: str | None


class Assigned(Answer):
    """The class of an assigned reply; an opt-out acts from now on."""

    reply_class: str
    merchant: str


class AssigneeBody(Body):
    """Who handles a conversation."""

    who: str | None
    """A name or id of yours; null: nobody in particular."""


class AssignmentBody(Body):
    """The person and merchant to assign a reply to."""

    to: str | None = None
    """The person's number; by default the reply's sender."""
    merchant: str | None = None
    """Whom it counts for; the operator may name any."""


class AttemptView(Answer):
    """One provider call."""

    attempt_id: UUID
    n: int
    provider: str
    state: str
    status: str | None
    provider_message_id: str | None
    parts: int
    error_class: str | None
    code: str | None
    reason: str | None
    intent_at: AwareDatetime
    accepted_at: AwareDatetime | None
    concluded_at: AwareDatetime | None
    ask_at: AwareDatetime | None
    body_sha256: str
    text: str | None = None


class AuditChain(Answer):
    """The entries of a day, in the order in which they are chained."""

    links: list[AuditLink]
    next_position: int | None


class AuditDay(Answer):
    """One UTC day on which somebody acted; root and signature from an hour after its end on."""

    day: str
    entries: int
    head: str
    previous: str | None
    root: str | None
    public_key: str | None
    signature: str | None


class AuditDays(Answer):
    """A merchant's days, the oldest first."""

    days: list[AuditDay]
    kept_since: str
    """Of the days before this one only the roots are kept."""
    next_cursor: str | None


class AuditLink(Answer):
    """One entry as it is hashed."""

    position: int
    canonical: str
    hash: str


class AuditPage(Answer):
    """What was done through a service, the newest first."""

    entries: list[AuditRow]
    next_cursor: str | None


class AuditRow(Answer):
    """One action of somebody."""

    id: UUID
    service: str
    at: AwareDatetime
    actor_kind: ActorKind | str
    actor: str
    """The id of the API key, the user's name, or `operator`; empty for a stranger."""
    origin: AddressClass | str
    action: str
    subject_kind: str
    subject: str
    recipient: UUID | None
    """The person it is about, if it is about one."""
    fields: list[str]
    """The names of what was given; never the values."""
    counts: dict[str, int]
    reason: str | None
    reason_state: ReasonState | str
    day: str
    position: int
    hash: str


class BarAnswer(Answer):
    """One hour of a day, or one day, on the shop's clock."""

    begins_at: AwareDatetime
    delivered: int
    troubled: int
    """Failed or unknown."""
    blocked: int
    before: int
    """How many texts ended in the same place of the period before."""


class CancelAnswer(Answer):
    """How many were cancelled; with `dry_run`, how many would be."""

    cancelled: int
    under_way: int
    already_ended: int
    not_found: int
    left: bool


class CancelRequest(Body):
    """Which follow-ups to cancel: those of some ids, or of a person."""

    follow_ups: list[UUID] | None = None
    recipient: UUID | None = None
    """All that this person still has, 200 at a time."""
    reason: str
    dry_run: bool = False
    """Only count; cancel nothing."""


class CancelRule(Body):
    """An event that ends the rest of the run."""

    on: str
    when: str | None = None


class CancelRuleAnswer(Answer):
    """An event that ends the rest of a run."""

    on: str
    when: str | None


class CertificateAnswer(Answer):
    """The certificate of an erasure."""

    id: UUID
    recipient_id: UUID | None
    """Null: a platform asked about somebody who is not known here."""
    source: str
    requested_at: AwareDatetime
    state: Literal['under_way', 'late', 'complete'] | str
    completed_at: AwareDatetime | None
    missing: list[str]
    """Services that have not answered yet."""
    services: list[ServiceErasureAnswer]
    kept: list[str]
    ledger_verifies: bool


class ChangeAnswer(Answer):
    """One state that a follow-up was in."""

    at: AwareDatetime
    state: str
    happening: str
    reason: str | None
    release: int


class CheckedDay(Answer):
    """A day in UTC with entries or a root."""

    day: Date
    state: DayState | str
    """`too_large`: more entries than a request reads; `followup ledger verify`."""
    entries: int
    problems: list[str]
    signed_by: str | None
    """The public key that its root names."""


class CheckedDays(Answer):
    """Days that were checked, the newest first; `next_to` goes on, and is null once `from` was reached."""

    days: list[CheckedDay]
    next_to: Date | None


class ClearContactAnswer(Answer):
    """A person's number and name in clear."""

    recipient_id: UUID
    to: str
    first_name: str | None
    last_name: str | None


class ConsentBody(Body):
    """One act of consent, with the evidence that proves it."""

    to: str
    """The number, E.164 or in the merchant's country's own form."""
    scope: ConsentScope
    event: ConsentAct = 'granted'
    """What happened."""
    level: ConsentLevel = 'unknown'
    captured_at: AwareDatetime | None = None
    """When; an undated grant never overturns an opt-out, and an opt-out needs no date."""
    expires_at: AwareDatetime | None = None
    method: str = 'api'
    disclosure: str | None = None
    """The exact wording shown."""
    source: str = 'api'
    """Where: a form's address."""
    ip: str | None = None
    user_agent: str | None = None
    evidence: dict[str, Any] | None = None
    """Any other proof; kept encrypted."""


class ControlAnswer(Answer):
    """One control and what became of it."""

    control_id: UUID
    action: ControlAction | str
    scope: ScopeAnswer
    reason: str | None
    made_at: AwareDatetime
    made_by: str
    until: AwareDatetime | None
    in_force_at: AwareDatetime | None
    lifted_at: AwareDatetime | None
    lifted_by: str | None
    lift_reason: str | None
    waiting: int
    cancelled: int
    in_progress: bool


class ControlPage(Answer):
    """A merchant's controls, the newest first."""

    controls: list[ControlAnswer]
    next_cursor: str | None


class ControlRequest(Body):
    """Pause texts, stop them, or let them go on."""

    action: Literal['pause', 'stop', 'resume']
    scope: ScopeInput
    reason: str
    until: AwareDatetime | None = None
    """When it ends by itself; without it, when it is lifted."""
    dry_run: bool = False
    """Only say how many planned follow-ups it concerns."""


class ControlsChanged(Answer):
    """What a request did, and how many follow-ups it concerns."""

    controls: list[ControlAnswer]
    follow_ups: int
    is_exact: bool
    approval: WaitingForYes | None


class ConversationView(Answer):
    """A person who has written to the merchant."""

    recipient_id: UUID
    to: str | None
    """Their number, masked for keys without `recipients:reveal`; null where it is no longer kept."""
    state: ConversationState | str
    unread: int
    newest_at: AwareDatetime
    newest_reply_id: UUID
    newest_class: str | None
    newest_text: str | None
    """Their newest reply; `…` for keys without `messages:read`, null where it is no longer kept."""
    assigned_to: str | None


class CopyAnswer(Answer):
    """Everything that is held about a person: rows, by table, by service."""

    id: UUID
    recipient_id: UUID | None
    """Null: a platform asked about somebody who is not known here."""
    source: str
    requested_at: AwareDatetime
    state: Literal['under_way', 'late', 'complete'] | str
    completed_at: AwareDatetime | None
    missing: list[str]
    """Services that have not answered yet."""
    services: dict[str, Any]


class CountedAnswer(Answer):
    """The number that the rows of all pages add up to, as a person reads it."""

    number: str
    words: str
    """What it counts."""
    detail: str
    """The requested part in words; empty without one."""


class DeliveryPage(Answer):
    """Notifications, the newest first."""

    deliveries: list[DeliveryView]
    next_cursor: str | None


class DeliveryView(Answer):
    """One notification for one endpoint."""

    id: UUID
    endpoint: str
    type: str
    """What it says, as in `events:` of merchant.yaml; or `test`."""
    recipient_id: UUID | None
    """The person it is about, if it is about one."""
    state: DeliveryState | str
    attempts: int
    created_at: AwareDatetime
    next_at: AwareDatetime | None
    """When it is tried next; null unless it is pending."""
    ended_at: AwareDatetime | None
    problem: str | None
    """What was wrong at the latest attempt, as a constant word."""
    detail: str | None


class DiscardBody(Body):
    """Why a notification need not arrive."""

    reason: str


class Dismissal(Body):
    """Confirms that a reply belongs to no one."""

    although_opt_out: bool = False
    """Required where the reply reads as an opt-out."""


class Dismissed(Answer):
    """The reply was deleted."""

    dismissed: bool = True


class DispatchView(Answer):
    """One cleared follow-up at the sender, with its attempts."""

    follow_up_id: UUID
    state: str
    reason: str | None
    progress: ProgressAnswer
    release: int
    flow: str
    step: str
    purpose: str
    sender_number: str
    valid_until: AwareDatetime
    retry_at: AwareDatetime | None
    in_flight_at_stop: int
    attempts: list[AttemptView]


class DraftTextAnswer(Answer):
    """A text of a flow that is being written."""

    text: str
    purpose: str
    previews: list[TextPreviewAnswer]


class DryRunAnswer(Answer):
    """What would be planned; nothing was stored."""

    dry_run: Literal[True] = True
    state: Literal['pending'] = 'pending'
    due_at: AwareDatetime
    due_local: str
    texts: list[TextAnswer]


class DueLocal(Body):
    """A moment on the recipient's clock."""

    date: Date
    time: Time


class EndAnswer(Answer):
    """How many texts ended without arriving, in one way and for one reason."""

    state: str
    reason: str
    words: str
    texts: int


class EndpointList(Answer):
    """The endpoints of a merchant, in the order of its file."""

    endpoints: list[EndpointView]
    given_up: int
    """Notifications that were given up and wait for a decision; 1000 stands for that many or more."""


class EndpointView(Answer):
    """One endpoint of merchant.yaml, and how it does."""

    name: str
    channel: Literal['webhook', 'mail'] | str
    events: list[str]
    waiting: int
    """Notifications that wait for it, at most 10,000."""
    failures: int
    """Failed attempts in a row; from five on it is called less often."""
    failing_since: AwareDatetime | None
    not_before: AwareDatetime | None
    """When it may be called again."""
    last_delivered_at: AwareDatetime | None
    """When it last took a notification."""


class EnterAnswer(Answer):
    """How often one person may run through."""

    rule: Literal['once', 'once_per', 'every'] | str
    once_per: str | None = None
    every_seconds: int | None = None


class ErasuresAnswer(Answer):
    """The newest erasures, newest first."""

    erasures: list[RightsRequestAnswer]


class EventBody(Body):
    """Something that happened at the shop."""

    id: str
    kind: str
    occurred_at: AwareDatetime | None = None
    subject: str | None = None
    customer: str | None = None
    test: bool = False
    recipient: RecipientBody | None = None
    amount: AmountBody | None = None
    consent: list[EventConsentBody] = Field(default_factory=list)
    facts: dict[str, Any] | None = None


class EventConsentBody(Body):
    """A consent given or withdrawn with the event."""

    scope: ConsentScope
    event: ConsentAct
    level: ConsentLevel | None = None
    captured_at: AwareDatetime | None = None
    method: str = 'api'
    disclosure: str | None = None
    source: str = 'api'


class EventOutcome(Answer):
    """What became of one event of a request."""

    id: str | None
    status: str
    """accepted, duplicate, ignored (nothing in it is new), no_recipient or refused."""
    errors: list[FieldProblem] = Field(default_factory=list)
    """Of a refused one: each field that is wrong, and why."""


class EventsAnswer(Answer):
    """What became of the events of a request, in their order."""

    accepted: int
    duplicates: int
    no_recipient: int
    """Of those accepted: they name nobody who can be texted."""
    refused: int
    events: list[EventOutcome]


class ExportsAnswer(Answer):
    """The newest exports, newest first."""

    exports: list[RightsRequestAnswer]


class FactAnswer(Answer):
    """One fact, without personal data."""

    event_id: UUID
    type: str
    service: str
    follow_up_id: UUID | None
    recipient_id: UUID
    """A keyed hash, from which the number cannot be derived."""
    flow: str | None
    step: str | None
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    summary: str
    value: int | None
    """What it adds to the requested measure."""
    counts: str | None
    """The same as a person reads it: 62.00 USD."""
    fact: dict[str, Any]
    """The event as published, without its encrypted fields."""


class FactsAnswer(Answer):
    """The answer of `GET /v1/facts`."""

    window: WindowAnswer
    counted: CountedAnswer | None
    """Null without a measure."""
    rows: list[FactAnswer]
    next: str | None
    """The cursor of the next page, also of a page on which rows are rare; null on the last page."""
    searched_to: AwareDatetime | None
    """Up to when this page looked; null on the last page."""


class FeedLineAnswer(Answer):
    """One fact of the live list."""

    event_id: UUID
    at: AwareDatetime
    type: str
    title: str
    summary: str
    tone: Tone | str
    recipient_id: UUID
    follow_up_id: UUID | None
    flow: str | None
    step: str | None


class FieldProblem(Answer):
    """One field and what is wrong with it."""

    field: str
    reason: str


class FlowAnswer(Answer):
    """One flow in force."""

    flow: str
    version: str
    description: str
    on: str
    steps: list[str]
    planned_texts: int
    control: FlowControlAnswer | None


class FlowCheckAnswer(Answer):
    """What is wrong with it, and what its texts would say."""

    is_valid: bool
    version: str | None
    problems: list[FlowProblemAnswer]
    texts: list[DraftTextAnswer]


class FlowControlAnswer(Answer):
    """What every text of a flow or of a step is under; more about it in `GET /v1/controls`."""

    control_id: UUID
    action: ControlAction | str
    made_at: AwareDatetime
    until: AwareDatetime | None
    covers: Literal['everything', 'merchant', 'flow', 'step'] | str


class FlowDeletedAnswer(Answer):
    """A file was deleted; planned texts of the flow are paused a minute later, until somebody decides about them."""

    flow: str


class FlowDraft(Body):
    """A flow as somebody writes it: YAML, as in a file."""

    text: str


class FlowFiguresAnswer(Answer):
    """What a flow did, and each of its steps; `step` is empty."""

    step: str
    planned: int
    waiting: int
    sent: int
    delivered: int
    reached: int
    clicked: int
    replied: int
    converted: int
    opted_out: int
    unknown: int
    parts: int
    unpriced: int
    ended: list[EndAnswer]
    revenue: list[AmountAnswer]
    text_revenue: list[AmountAnswer]
    cost: list[AmountAnswer]
    flow: str
    entered: int
    active: int
    steps: list[StepFiguresAnswer]


class FlowFiguresPage(Answer):
    """The answer of `GET /v1/flow-figures`."""

    window: WindowAnswer
    flows: list[FlowFiguresAnswer]


class FlowFileAnswer(Answer):
    """The file of a flow."""

    flow: str
    text: str
    sha256: str
    is_writable: bool


class FlowList(Answer):
    """The merchant's flows."""

    flows: list[FlowAnswer]
    removed: list[RemovedFlowAnswer]


class FlowProblemAnswer(Answer):
    """One mistake, and what to write instead."""

    line: int
    severity: Literal['error', 'warning'] | str
    message: str
    fix: str


class FlowSavedAnswer(Answer):
    """A file was saved; it comes into force within two seconds."""

    flow: str
    sha256: str
    version: str
    problems: list[FlowProblemAnswer]


class FlowStory(Answer):
    """One flow: as its file says, or, of one that was removed, as the version that began last."""

    flow: str
    version: str
    is_in_force: bool
    description: str
    on: str
    when: str | None
    enter: EnterAnswer
    cancel_on: list[CancelRuleAnswer]
    facts: dict[str, str]
    click_days: int
    delivered_hours: int
    steps: list[WaitAnswer | TextStepAnswer | dict[str, Any]]
    planned_texts: int
    control: FlowControlAnswer | None


class FlowVersionAnswer(Answer):
    """One version of a flow; comments and layout of the file make none."""

    version: str
    first_started_at: AwareDatetime | None
    is_in_force: bool
    content: str


class FlowVersionList(Answer):
    """The versions of a flow, the newest first."""

    flow: str
    versions: list[FlowVersionAnswer]
    has_more: bool


class FollowUpAnswer(Answer):
    """The state of a follow-up."""

    follow_up_id: UUID
    enrollment_id: UUID
    flow: str
    flow_version: str
    step: str
    purpose: str
    state: str
    reason: str | None
    progress: ProgressAnswer
    waits_for: WaitsForAnswer | None
    release: int
    is_too_late: bool
    due_at: AwareDatetime
    due_local: str
    first_due_at: AwareDatetime
    expires_at: AwareDatetime | None
    time_zone: str
    sender_number: str
    subject: str | None
    locale: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    correlation_id: str


class FollowUpPage(Answer):
    """Follow-ups, the newest first."""

    follow_ups: list[FollowUpAnswer]
    next_cursor: str | None


class FollowUpRequest(Body):
    """One text, or one run of a flow, for one recipient."""

    to: str | None = None
    recipient_id: UUID | None = None
    """In place of `to`, of an answer: whom the inbox names. Nothing else is to be said of them."""
    text: str | None = None
    purpose: Literal['marketing', 'informational', 'transactional', 'conversation'] | None = None
    """`conversation`: your own answer to what the person wrote in the last 24 hours."""
    flow: str | None = None
    trigger: dict[str, Any] | None = None
    """With `flow`: what happened, as its texts read it."""
    due_at: AwareDatetime | None = None
    due_in: str | None = None
    due_local: DueLocal | None = None
    expires_at: AwareDatetime | None = None
    if_past: Literal['send', 'skip'] | None = None
    """What to do when the due time has passed."""
    recipient: RecipientInput | None = None
    facts: dict[str, Any] | None = None
    subject: str | None = None
    cancel_on: list[CancelRule] = Field(default_factory=list)
    dry_run: bool = False
    test: bool = False
    """Only to a phone listed under `test_recipients`: goes now, says [Test], and no figure counts it."""
    step: str | None = None
    """With `test` and `flow`: which of its texts; by default the first."""


class FollowUpStory(Answer):
    """The state of a follow-up, with its history."""

    follow_up_id: UUID
    enrollment_id: UUID
    flow: str
    flow_version: str
    step: str
    purpose: str
    state: str
    reason: str | None
    progress: ProgressAnswer
    waits_for: WaitsForAnswer | None
    release: int
    is_too_late: bool
    due_at: AwareDatetime
    due_local: str
    first_due_at: AwareDatetime
    expires_at: AwareDatetime | None
    time_zone: str
    sender_number: str
    subject: str | None
    locale: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    correlation_id: str
    changes: list[ChangeAnswer]


class GivenConsentBody(Body):
    """A consent that somebody of the shop enters for a person, with what proves it."""

    scope: ConsentScope
    level: Literal['pewc', 'express']
    """pewc: signed under a wording, which `disclosure` holds (47 CFR 64.1200(f)(9)); express: said so."""
    captured_at: AwareDatetime
    """When they agreed."""
    method: Literal['in_person', 'voice', 'paper', 'mail', 'web_form']
    """How they said it."""
    source: str
    """Where: a shop, an address, a telephone number."""
    disclosure: str | None = None
    """The exact wording they agreed to."""
    note: str | None = None
    """What else proves it; kept encrypted."""


class ImportAnswer(Answer):
    """What became of the rows of an import."""

    recorded: int
    repeated: int
    refused: list[RefusedRowAnswer]


class ImportBody(Body):
    """A batch of rows; each has the fields of `POST /v1/consents`."""

    rows: list[dict[str, Any]]
    dry_run: bool = False
    """Record nothing; say what would be recorded, and why not."""


class InboxCounts(Answer):
    """How much waits for somebody; 100 stands for 100 and more."""

    needs_review: int
    unread: int


class InboxPage(Answer):
    """What needs a decision first, then what is unread, then the rest; the newest first."""

    conversations: list[ConversationView]
    next_cursor: str | None


class JourneyAnswer(Answer):
    """The answer of `GET /v1/journeys/{follow_up_id}`."""

    follow_up_id: UUID
    state: FollowUpState | str
    reason: str | None
    label: str
    """Its state, or while it is under way what is happening with it."""
    tone: Tone | str
    progress: ProgressAnswer
    explanation: str
    """Its current state, in one sentence."""
    recipient_id: UUID
    flow: str | None
    flow_version: str | None
    step: str | None
    purpose: str | None
    segment: str | None
    provider: str | None
    sender_number: str | None
    """The shop's number that it is sent from."""
    planned_at: AwareDatetime | None
    due_at: AwareDatetime | None
    events: list[StepAnswer]


class KPIAnswer(Answer):
    """One figure, its numerator and denominator, and the URLs of the rows behind them."""

    name: str
    title: str
    value: int | float | None
    """Null if the denominator is zero."""
    numerator: int | float
    denominator: int | float | None
    unit: Unit | str
    formula: str
    window: WindowAnswer
    rows: str | None
    """The rows whose `value` adds up to the numerator (retention figures: the orders examined)."""
    denominator_rows: str | None
    currency: str | None = None
    reason: str | None = None
    by: Dimension | str | None = None
    group: str | None = None
    note: str | None = None


class KPIsAnswer(Answer):
    """The answer of `GET /v1/kpis`."""

    kpis: list[KPIAnswer]


class LedgerAnswer(Answer):
    """A claim that is in the ledger, and what the ledger holds of its person now."""

    consent_id: UUID
    recipient_id: UUID
    recorded: bool
    consents: ScopesAnswer
    suppressed: str | None
    needs_review: bool
    epoch: int


class LedgerEntryAnswer(Answer):
    """One entry of the ledger; what proves it stays sealed."""

    entry_id: UUID
    act: str
    scope: str
    level: str
    recorded_at: AwareDatetime
    captured_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    method: str
    source: str
    is_by_the_person: bool
    has_disclosure: bool
    has_evidence: bool


class LedgerEntryView(Answer):
    """One entry, without what identifies the person."""

    entry_id: UUID
    recipient_id: UUID
    recorded_at: AwareDatetime
    captured_at: AwareDatetime | None
    """When it happened, as its source says."""
    act: str
    scope: str
    level: str
    method: str
    source: str
    actor: str
    cause: str | None
    country: str | None
    state: str | None
    has_evidence: bool
    """Sealed evidence is kept; false after an erasure."""


class LedgerPage(Answer):
    """The newest first; `next_cursor` goes on where this page's search ended."""

    entries: list[LedgerEntryView]
    next_cursor: str | None
    searched_to: AwareDatetime | None
    """Of the oldest entry that was looked at."""


class ListedFollowUpAnswer(Answer):
    """A follow-up that somebody should look at."""

    follow_up_id: UUID
    recipient_id: UUID
    state: FollowUpState | str
    label: str
    tone: Tone | str
    words: str
    """Why it is here, in one sentence without its full stop."""
    changed_at: AwareDatetime
    waits_until: AwareDatetime | None
    flow: str | None
    step: str | None


class LookupAnswer(Answer):
    """Who the person at a number is to the merchant."""

    recipient_id: UUID
    is_known: bool


class LookupRequest(Body):
    """The number of a person; in a body, so that it is in no URL and no log."""

    to: str


class MaskedContactAnswer(Answer):
    """How a person is shown: their number without its middle."""

    recipient_id: UUID
    to: str


class MessageAnswer(Answer):
    """One follow-up in the list of messages, without personal data."""

    follow_up_id: UUID
    recipient_id: UUID
    """A keyed hash, from which the number cannot be derived."""
    flow: str | None
    step: str | None
    purpose: str | None
    segment: str | None
    state: FollowUpState | str
    reason: str | None
    progress: ProgressAnswer
    label: str
    """Its state, or while it is under way what is happening with it."""
    tone: Tone | str
    explanation: str
    """Its current state, in one sentence."""
    provider: str | None
    sender_number: str | None
    planned_at: AwareDatetime | None
    due_at: AwareDatetime | None
    accepted_at: AwareDatetime | None
    """When a provider first accepted it."""
    changed_at: AwareDatetime
    is_clicked: bool
    is_replied: bool
    is_opted_out: bool
    is_converted: bool


class MessagesAnswer(Answer):
    """The answer of `GET /v1/messages`."""

    messages: list[MessageAnswer]
    next_cursor: UUID | None
    """The cursor of the next page; null on the last page."""
    searched_back_to: AwareDatetime | None
    """Set where the page ended before it was full, since enough was looked at: go on with the cursor."""


class NumberList(Answer):
    """The numbers in the order of the merchant's file."""

    numbers: list[NumberView]


class NumberView(Answer):
    """A sender number of the merchant's file."""

    number: str
    provider: str
    kind: str
    registration: str
    """As the merchant's file says: `registered`, `pending`, `unregistered`, …"""
    parts_per_second: float
    queued: int
    """Texts that wait for this number; 1000 stands for that many or more."""
    state: BreakerState | str
    """`closed`: it sends; `open`: paused after unanswered calls or a cap; `halted`: a fault of the account, the number
    or its registration.
    """
    reason: str | None
    """What opened or halted it: the provider's code, or what was seen."""
    tries_again_at: AwareDatetime | None
    errors_24h: dict[str, int]
    """Calls of the last 24 hours, to the hour, that ended with an error, by class: `unanswered`, `not_sent`, or the
    class of the provider's code (`filtered`, `throttled`, `config`, …).
    """


class OptOutBody(Body):
    """Why somebody opts a person out: they asked by telephone, in the shop, by mail."""

    scope: Literal['all', 'marketing'] = 'all'
    never_again: Literal['wrong_person', 'complaint'] | None = None
    """The number is somebody else's, or they complained: it is never written to again, whatever anybody agrees to
    later.
    """
    reason: str


class OverviewAnswer(Answer):
    """What is happening now."""

    span: OverviewPeriod | str
    window: WindowAnswer
    before: WindowAnswer
    states: list[StateCountAnswer]
    """In the order of a follow-up's life."""
    figures: list[OverviewFigureAnswer]
    bars: list[BarAnswer]
    reasons: list[ReasonCountAnswer]
    """The most frequent first."""
    feed: list[FeedLineAnswer]
    """The newest facts, newest first."""
    waiting: list[ListedFollowUpAnswer]
    """Those whose provider call is not concluded."""
    needs_attention: list[ListedFollowUpAnswer]
    """Unknown, blocked or failed, newest first."""


class OverviewFigureAnswer(Answer):
    """A figure of the period, and the same of the period before it."""

    name: str
    title: str
    value: int | float | None
    """Null if the denominator is zero."""
    numerator: int | float
    denominator: int | float | None
    unit: Unit | str
    formula: str
    window: WindowAnswer
    rows: str | None
    """The rows whose `value` adds up to the numerator (retention figures: the orders examined)."""
    denominator_rows: str | None
    currency: str | None = None
    reason: str | None = None
    by: Dimension | str | None = None
    group: str | None = None
    note: str | None = None
    before: int | float | None
    """Its value in the period before; null if the denominator was zero."""
    by_bar: list[int]
    """What its numerator's rows add up to in each bar, in the unit of the rows."""


class OwnPhoneBody(Body):
    """Which text, to which of the shop's own phones."""

    to: str
    """A phone listed under `test_recipients`."""
    step: str | None = None
    """Which text; by default the first."""
    locale: str | None = None
    """In which language; by default the shop's."""
    trigger: dict[str, Any] | None = None
    """What happened, as the text reads it; by default the invented event of the previews."""


class ParkedDiscardBody(Body):
    """Which events are discarded, and why."""

    ids: list[int]
    reason: str
    of_no_merchant: bool = False
    """Instead of the merchant's: events that cannot be read, so that nobody knows whose they are; for the operator."""


class ParkedDiscarded(Answer):
    """The events that were discarded; those that were not parked are left out."""

    service: str
    ids: list[int]


class ParkedEventView(Answer):
    """An event that could not be handled, or that waits behind one."""

    id: int
    event_id: UUID | None
    """Null for a text that the service set aside, or where it is unreadable."""
    type: str
    topic: str
    """Empty for a text that the service set aside."""
    recipient_id: UUID
    """The key: events of one recipient are handled in order."""
    reason: str
    is_behind: bool
    """It did not fail itself: it waits behind an earlier one of its recipient."""
    parked_at: AwareDatetime
    attempts: int
    """Redrives at which it failed again."""
    tried_at: AwareDatetime | None


class ParkedPage(Answer):
    """The oldest first."""

    service: str
    parked: list[ParkedEventView]
    count: int
    """How many there are in all; 1000 stands for that many or more."""
    next_cursor: int | None


class ParkedRedriveAnswer(Answer):
    """What became of each, in order."""

    service: str
    events: list[ParkedRedriven]
    next: int | None
    """Go on with this `after`; null once all were tried."""


class ParkedRedriveBody(Body):
    """Which events are handled again: named ones, those of a recipient, or all, in order."""

    ids: list[int] | None = None
    recipient_id: UUID | None = None
    everything: bool = False
    after: int = 0
    """With `recipient_id` or `everything`: `next` of the answer before."""
    of_no_merchant: bool = False
    """Instead of the merchant's: events that cannot be read, so that nobody knows whose they are; for the operator."""


class ParkedRedriven(Answer):
    """What became of an event that was to be handled again."""

    id: int
    outcome: HandOver | str
    """`processed`; `failed`: again, it stays; `behind`: an earlier one of its recipient stays; `gone`: somebody was
    faster.
    """
    reason: str | None


class PartsAnswer(Answer):
    """The size of a text."""

    encoding: str
    parts: int
    units: int


class PersonStandingAnswer(Answer):
    """What the ledger holds about a person, and what it adds up to."""

    recipient_id: UUID
    consents: dict[str, Any]
    suppressed: str | None
    needs_review: bool
    preferences_url: str
    entries: list[LedgerEntryAnswer]


class PlannedAnswer(Answer):
    """What was planned."""

    follow_up_id: UUID
    state: str
    due_at: AwareDatetime
    due_local: str
    enrollment_id: UUID
    follow_ups: list[UUID]


class PreviewAnswer(Answer):
    """A planned text as it would read now; what is sent is rendered anew at its time."""

    follow_up_id: UUID
    is_preview: Literal[True] = True
    as_of: AwareDatetime
    due_at: AwareDatetime
    due_local: str
    locale: str
    text: str
    parts: PartsAnswer


class ProgressAnswer(Answer):
    """What a follow-up is doing now, and what it waits for."""

    doing: Doing | str
    waits_for: str | None
    until: AwareDatetime | None
    detail: str | None


class ProviderList(Answer):
    """The accounts in the order of the merchant's file."""

    providers: list[ProviderView]


class ProviderView(Answer):
    """A provider account of the merchant's file."""

    provider: str
    kind: str
    is_usable: bool
    """Its settings and secrets can be used; else the log names what is wrong."""
    numbers: list[str]
    held_numbers: int
    """How many of them may not call now."""
    errors_24h: dict[str, int]
    """Calls of the last 24 hours, to the hour, that ended with an error, by class: `unanswered`, `not_sent`, or the
    class of the provider's code (`filtered`, `throttled`, `config`, …).
    """
    answers_in: AnswerTimesView | None
    """Null where no call of the last 24 hours is near."""


class QuarantineDiscardBody(Body):
    """Which deliveries are discarded, and why."""

    delivery_ids: list[UUID]
    reason: str


class QuarantineDiscarded(Answer):
    """The deliveries that were discarded; those that were not in quarantine are left out."""

    delivery_ids: list[UUID]


class QuarantinePage(Answer):
    """The newest first."""

    deliveries: list[QuarantinedDelivery]
    next_cursor: str | None


class QuarantinedDelivery(Answer):
    """A genuine delivery that could not be read."""

    delivery_id: UUID
    source: str
    topic: str
    reason: str
    """`not_json`, `unknown_topic`, `misshapen` or `topic_mismatch`."""
    detail: str
    """Which field was wrong, without its value."""
    received_at: AwareDatetime


class ReasonCountAnswer(Answer):
    """How often follow-ups were deferred, blocked or failed for one reason."""

    measure: Measure | str
    reason: str
    words: str
    rule: str | None
    count: int
    rows: str


class RecipientBody(Body):
    """The person the event concerns; unknown fields stay unknown, they are never guessed."""

    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    country: str | None = None
    state: str | None = None
    postal_code: str | None = None
    time_zone: str | None = None


class RecipientInput(Body):
    """What the caller knows about the recipient."""

    first_name: str | None = None
    last_name: str | None = None
    time_zone: str | None = None
    """IANA name, such as America/Chicago."""
    state: str | None = None
    country: str | None = None
    postal_code: str | None = None
    locale: str | None = None


class RedriveAnswer(Answer):
    """The deliveries that were read again; what was in quarantine no more is left out."""

    deliveries: list[RedrivenView]
    next: UUID | None
    """With `everything`: go on with this `after`; null once all were read."""


class RedriveBody(Body):
    """Which deliveries are read again: named ones, or all, the oldest first."""

    delivery_ids: list[UUID] | None = None
    everything: bool = False
    """Instead of `delivery_ids`: the next ones after `after`."""
    after: UUID | None = None
    """With `everything`: `next` of the answer before."""


class RedrivenView(Answer):
    """What became of a delivery that was read again."""

    delivery_id: UUID
    outcome: str
    """`accepted`, `ignored`, `no_recipient`, or `quarantined`: still not readable."""
    reason: str | None
    """Why it is still in quarantine; `no_longer_kept`: only to be discarded."""


class RefusedRowAnswer(Answer):
    """A row that is not in the ledger, and how to mend it."""

    row: int
    reason: str
    detail: str


class RemovedFlowAnswer(Answer):
    """A flow that no file has any more, while texts of it are planned."""

    flow: str
    planned_texts: int
    control: FlowControlAnswer | None


class ReplyView(Answer):
    """A reply of the person."""

    kind: Literal['reply'] = 'reply'
    reply_id: UUID
    at: AwareDatetime
    text: str | None
    """`…` for keys without `messages:read`; null where it is no longer kept."""
    reply_class: str
    needs_review: bool
    """It may have been an opt-out, and nobody has decided yet."""
    review: ReviewView | None
    follow_up_id: UUID | None
    """The text it most likely answers."""
    sender_number: str
    channel: str | None


class ResolutionAnswer(Answer):
    """How the text stands now."""

    follow_up_id: UUID
    attempt_id: UUID
    attempt_state: str
    state: str
    reason: str | None
    retry_at: AwareDatetime | None
    """When the gate is asked again; null where it is not."""


class ResolutionBody(Body):
    """What somebody who looked at the provider says."""

    attempt_id: UUID
    """The call it is about, as the list names it."""
    outcome: ResolutionOutcome
    provider_message_id: str | None = None
    """With `sent`: the provider's id of the text, so that its receipts and status count."""
    send_again: bool = False
    """With `not_sent`: ask the gate once more, where the flow permits that."""
    reason: str
    """What you saw, for those who look later."""


class ReviewBody(Body):
    """What somebody read in an unclear reply."""

    seen: UUID | None = None
    """The newest reply you have read; answered with 409 `newer_reply` where another has come since."""
    was_opt_out: bool
    """True: the person does not want these texts, and that counts as their own opt-out. False: they said something
    else, and marketing to them goes on.
    """
    reason: str | None = None
    """Why, in your words; for the audit log."""


class ReviewView(Answer):
    """What somebody decided about a reply."""

    was_opt_out: bool
    at: AwareDatetime
    by: str


class RevocationBody(Body):
    """One withdrawal, received by any means (47 CFR 64.1200(a)(10): any reasonable means)."""

    to: str
    scope: Literal['all', 'marketing'] = 'all'
    reason: str = 'request'
    revoked_at: AwareDatetime | None = None
    """When; one that cannot be read is left out, the withdrawal counts."""


class RevokedLinksAnswer(Answer):
    """Links made until then open no page any more."""

    recipient_id: UUID
    revoked_at: AwareDatetime


class RightsRequestAnswer(Answer):
    """A request by right, as lists show it."""

    id: UUID
    recipient_id: UUID | None
    """Null: a platform asked about somebody who is not known here."""
    source: str
    requested_at: AwareDatetime


class RightsRequestTaken(Answer):
    """A request that was taken: every service answers it, most within a minute."""

    id: UUID
    recipient_id: UUID | None
    """Null: a platform asked about somebody who is not known here."""
    source: str
    requested_at: AwareDatetime
    state: Literal['under_way']


class RunAnswer(Answer):
    """One recipient's run through a flow."""

    enrollment_id: UUID
    flow: str
    flow_version: str
    ordinal: int
    subject: str | None
    entered_at: AwareDatetime
    state: Literal['active', 'ended'] | str
    follow_ups: list[FollowUpAnswer]


class RunPage(Answer):
    """Runs, the newest first."""

    enrollments: list[RunAnswer]
    next_cursor: str | None


class SavedAnswerBody(Body):
    """An answer to be kept."""

    title: str
    """Another one under the same title replaces it."""
    text: str
    """Liquid: {{ recipient.first_name | default: 'there' }}."""


class SavedAnswerList(Answer):
    """All that a shop keeps, by title; 100 at most."""

    answers: list[SavedAnswerView]


class SavedAnswerView(Answer):
    """A kept answer."""

    answer_id: UUID
    title: str
    text: str
    saved_at: AwareDatetime


class ScopeAnswer(Answer):
    """Which texts a control is about: all of the merchant's where nothing else is given."""

    everything: bool
    merchant: str | None
    flow: str | None
    step: str | None
    number: str | None
    provider: str | None
    recipient: UUID | None


class ScopeInput(Body):
    """Which texts: exactly one of the fields, but `step` comes with its `flow`, and a provider may be everybody's."""

    everything: bool = False
    """Every merchant of the installation; for its operator."""
    merchant: str | None = None
    """All texts of this merchant: the key's own."""
    flow: str | None = None
    step: str | None = None
    """The `text:` of one step of the flow."""
    number: str | None = None
    """A sender number of the merchant, as in merchant.yaml."""
    provider: str | None = None
    """A provider of the merchant, as in merchant.yaml."""
    recipient: UUID | None = None
    """One person, by recipient id."""
    to: str | None = None
    """One person, by phone number."""


class ScopeSnapshot(Answer):
    """What the ledger holds for one scope."""

    status: str
    captured_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None


class ScopesAnswer(Answer):
    """What is in force for each scope."""

    marketing: ScopeSnapshot
    informational: ScopeSnapshot


class SearchRequest(Body):
    """The recipient whose follow-ups to find; in a body, so that the number is in no URL and no log."""

    to: str
    state: FollowUpState | None = None


class SeenBody(Body):
    """What the caller has read."""

    seen: UUID | None = None
    """The newest reply you have read; answered with 409 `newer_reply` where another has come since."""


class SendPermissionView(Answer):
    """What may not be sent to the person, as the sender obeys it; the ledger's standing is compliance's."""

    suppressed: str | None
    marketing_suppressed: bool
    informational_suppressed: bool
    needs_review: bool


class ServiceErasureAnswer(Answer):
    """What one service deleted."""

    service: str
    erased_at: AwareDatetime
    rows: dict[str, int]
    """How many rows, by table."""


class SourceError(Answer):
    """What last went wrong with a source."""

    at: AwareDatetime
    what: str
    """`signature` (refused: no secret of the merchant's file fits), `over_quota`, `invalid` (events that were
    refused), or why it was quarantined: `not_json`, `unknown_topic`, `misshapen`, `topic_mismatch`.
    """


class SourceList(Answer):
    """The sources of a merchant, by name."""

    sources: list[SourceView]


class SourceView(Answer):
    """A source of a merchant; `api` is what its own systems report with `POST /v1/events`."""

    source: str
    is_configured: bool
    """It is in the merchant's file now."""
    last_delivery_at: AwareDatetime | None
    """When it last brought a genuine delivery."""
    silent_since: AwareDatetime | None
    """`last_delivery_at`, where that is six hours ago or more; else null, also where none ever came."""
    last_24h: dict[str, int]
    """Deliveries by outcome in the last 24 hours, to the hour."""
    last_error: SourceError | None
    quarantined: int
    """Deliveries that wait in quarantine; 1000 stands for that many or more."""


class StandingBody(Body):
    """The number whose standing is asked for; in a body, so that it stays out of URLs."""

    to: str


class StateCountAnswer(Answer):
    """How many follow-ups are in a state now."""

    state: FollowUpState | str
    count: int
    words: str


class StepAnswer(Answer):
    """One step of a story."""

    at: AwareDatetime
    type: str
    service: str
    title: str
    summary: str
    tone: Tone | str
    verdict: str | None
    reason: str | None
    rule: str | None
    is_about_person: bool
    event_id: UUID
    correlation_id: str


class StepFiguresAnswer(Answer):
    """What the texts of a step did; those that were sent are counted in the hour in which the provider took them."""

    step: str
    planned: int
    waiting: int
    sent: int
    delivered: int
    reached: int
    clicked: int
    replied: int
    converted: int
    opted_out: int
    unknown: int
    parts: int
    unpriced: int
    ended: list[EndAnswer]
    revenue: list[AmountAnswer]
    text_revenue: list[AmountAnswer]
    cost: list[AmountAnswer]


class TextAnswer(Answer):
    """One text that would be sent."""

    step: str
    purpose: str
    due_at: AwareDatetime
    due_local: str
    expires_at: AwareDatetime | None
    sender_number: str
    locale: str
    text: str
    parts: PartsAnswer
    gate: dict[str, Any]
    gate_note: str


class TextPreviewAnswer(Answer):
    """A text in one language, as it would be sent to an invented person."""

    locale: str
    text: str | None
    parts: PartsAnswer | None
    problem: str | None


class TextStepAnswer(Answer):
    """A text of a flow."""

    kind: Literal['text'] = 'text'
    text: str
    purpose: str
    expire_after_seconds: int | None
    if_past: str
    previews: list[TextPreviewAnswer]
    control: FlowControlAnswer | None


class TextView(Answer):
    """A text that a provider was given, or may have been."""

    kind: Literal['text'] = 'text'
    follow_up_id: UUID
    at: AwareDatetime
    text: str | None
    """As it was sent; `…` for keys without `messages:read`, null where it is no longer kept."""
    flow: str
    step: str
    purpose: str
    state: str
    reason: str | None
    sender_number: str | None
    parts: int | None


class ThreadView(Answer):
    """A conversation and a page of what was written and sent, the newest first."""

    conversation: ConversationView
    permission: SendPermissionView
    items: list[ReplyView | TextView | dict[str, Any]]
    next_cursor: str | None


class TimelineAnswer(Answer):
    """The newest 100 things that happened to a person, the newest first."""

    recipient_id: UUID
    steps: list[TimelineStepAnswer]


class TimelineStepAnswer(Answer):
    """Something that happened to a person."""

    at: AwareDatetime
    type: str
    title: str
    summary: str
    tone: Tone | str
    follow_up_id: UUID | None
    """The text that it is about, if it is about one."""
    flow: str | None
    step: str | None
    event_id: UUID


class TrialEventBody(Body):
    """What is to have happened, to whom."""

    to: str
    """A phone listed under `test_recipients`."""
    kind: TriggerKind = 'purchase'


class UnassignedPage(Answer):
    """The newest first."""

    replies: list[UnassignedView]
    next_cursor: str | None


class UnassignedView(Answer):
    """A reply without a known recipient."""

    id: str
    provider: str
    reason: str
    """sender_unknown, not_our_number or incomplete."""
    reply_class: str
    received_at: AwareDatetime
    fields: dict[str, str] | None
    """What the provider delivered, with sender and text; null for keys without `replies:write`."""


class UnknownTextPage(Answer):
    """The newest first."""

    unknown: list[UnknownTextView]
    count: int
    """How many there are in all; 1000 stands for that many or more."""
    next_cursor: str | None


class UnknownTextView(Answer):
    """A text whose call had no answer, and what is known about it."""

    follow_up_id: UUID
    attempt_id: UUID
    recipient_id: UUID
    to: str | None
    """The number, masked for keys without `recipients:reveal`; null where it is no longer kept."""
    flow: str
    step: str
    purpose: str
    provider: str
    sender_number: str
    called_at: AwareDatetime
    seen: str | None
    """What was seen instead of an answer: `http_503`, `timeout`, `no_outcome`, …"""
    is_given_up: bool
    """The provider is asked no more; the text counts as sent."""
    asked_at: AwareDatetime | None
    """When the provider was asked last."""
    answer: str | None
    """What it said: `not_listed`, `no_answer`, or `inconclusive` (too early, or several texts fit)."""
    absent_since: AwareDatetime | None
    """Since when the provider lists no such text; the second such answer proves that it was not sent."""
    asked_again_at: AwareDatetime | None
    gives_up_at: AwareDatetime
    may_be_sent_again: bool
    """Its flow permits `send_again` with `not_sent`."""


class WaitAnswer(Answer):
    """A wait: elapsed seconds, or days, hours, time and weekdays on the person's own clock."""

    kind: Literal['wait'] = 'wait'
    seconds: int | None = None
    days: int = 0
    hours: int = 0
    minutes: int = 0
    then_at: str | None = None
    on: list[str] | None = None


class WaitingForYes(Answer):
    """A resume that takes a second person: nothing was done yet."""

    approval_id: UUID
    texts: int
    expires_at: AwareDatetime
    detail: str


class WaitsForAnswer(Answer):
    """What a due follow-up waits for."""

    kind: Literal['control', 'earlier_text', 'number'] | str
    id: str | None
    since: AwareDatetime


class WindowAnswer(Answer):
    """Whole UTC hours; `to` is exclusive."""

    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime
