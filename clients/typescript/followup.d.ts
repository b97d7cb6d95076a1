// Written by `make docs` from docs/reference/openapi.json; make it anew instead of editing it.

/** In what capacity somebody acted. */
export type ActorKind = "api_key" | "user" | "operator" | "stranger";

/** Where a request came from. The address itself is personal, and is not kept. */
export type AddressClass = "this_machine" | "private" | "public" | "none";

/** An amount of money. */
export interface AmountAnswer {
  currency: string;
  minor: number;
}

/** Money in minor units. */
export interface AmountBody {
  minor: number;
  currency: string;
}

/** What the second person says. */
export interface AnswerRequest {
  answer: "yes" | "no";
  /** With yes: how many texts you were shown (`texts_now`). */
  texts?: number | null;
  reason?: string | null;
}

/** How long a provider took to answer, of the newest calls. */
export interface AnswerTimesView {
  calls: number;
  median_seconds: number;
  p95_seconds: number;
}

/** What can wait for a second person's yes. */
export type ApprovalAction = "resume";

/** What waits for a second person's yes, or did. */
export interface ApprovalAnswer {
  approval_id: string;
  action: ApprovalAction | (string & {});
  subject: ApprovalSubjectAnswer;
  state: "open" | "yes" | "no" | "expired" | "over" | (string & {});
  texts: number;
  texts_now: number | null;
  asked_by: string;
  asked_at: string;
  reason: string;
  expires_at: string;
  answered_by: string | null;
  answered_at: string | null;
  answer_reason: string | null;
  is_own: boolean;
  may_say_yes: boolean;
}

/** A merchant's questions for a second person, the newest first. */
export interface ApprovalPage {
  approvals: ApprovalAnswer[];
  next_cursor: string | null;
}

/** What it is done to; which texts, all of the merchant's where nothing is named. */
export interface ApprovalSubjectAnswer {
  controls: string[];
  flow: string | null;
  step: string | null;
  number: string | null;
  provider: string | null;
}

/** The class of an assigned reply; an opt-out acts from now on. */
export interface Assigned {
  reply_class: string;
  merchant: string;
}

/** Who handles a conversation. */
export interface AssigneeBody {
  /** A name or id of yours; null: nobody in particular. */
  who: string | null;
}

/** The person and merchant to assign a reply to. */
export interface AssignmentBody {
  /** The person's number; by default the reply's sender. */
  to?: string | null;
  /** Whom it counts for; the operator may name any. */
  merchant?: string | null;
}

/** One provider call. */
export interface AttemptView {
  attempt_id: string;
  n: number;
  provider: string;
  state: string;
  status: string | null;
  provider_message_id: string | null;
  parts: number;
  error_class: string | null;
  code: string | null;
  reason: string | null;
  intent_at: string;
  accepted_at: string | null;
  concluded_at: string | null;
  ask_at: string | null;
  body_sha256: string;
  text?: string | null;
}

/** The entries of a day, in the order in which they are chained. */
export interface AuditChain {
  links: AuditLink[];
  next_position: number | null;
}

/** One UTC day on which somebody acted; root and signature from an hour after its end on. */
export interface AuditDay {
  day: string;
  entries: number;
  head: string;
  previous: string | null;
  root: string | null;
  public_key: string | null;
  signature: string | null;
}

/** A merchant's days, the oldest first. */
export interface AuditDays {
  days: AuditDay[];
  /** Of the days before this one only the roots are kept. */
  kept_since: string;
  next_cursor: string | null;
}

/** One entry as it is hashed. */
export interface AuditLink {
  position: number;
  canonical: string;
  hash: string;
}

/** What was done through a service, the newest first. */
export interface AuditPage {
  entries: AuditRow[];
  next_cursor: string | null;
}

/** One action of somebody. */
export interface AuditRow {
  id: string;
  service: string;
  at: string;
  actor_kind: ActorKind | (string & {});
  /** The id of the API key, the user's name, or `operator`; empty for a stranger. */
  actor: string;
  origin: AddressClass | (string & {});
  action: string;
  subject_kind: string;
  subject: string;
  /** The person it is about, if it is about one. */
  recipient: string | null;
  /** The names of what was given; never the values. */
  fields: string[];
  counts: Record<string, number>;
  reason: string | null;
  reason_state: ReasonState | (string & {});
  day: string;
  position: number;
  hash: string;
}

/** One hour of a day, or one day, on the shop's clock. */
export interface BarAnswer {
  begins_at: string;
  delivered: number;
  /** Failed or unknown. */
  troubled: number;
  blocked: number;
  /** How many texts ended in the same place of the period before. */
  before: number;
}

/** Closed lets calls through, open does not, halted waits until our account or registration works again. */
export type BreakerState = "closed" | "open" | "halted";

/** How many were cancelled; with `dry_run`, how many would be. */
export interface CancelAnswer {
  cancelled: number;
  under_way: number;
  already_ended: number;
  not_found: number;
  left: boolean;
}

/** Which follow-ups to cancel: those of some ids, or of a person. */
export interface CancelRequest {
  follow_ups?: string[] | null;
  /** All that this person still has, 200 at a time. */
  recipient?: string | null;
  reason: string;
  /** Only count; cancel nothing. */
  dry_run?: boolean;
}

/** An event that ends the rest of the run. */
export interface CancelRule {
  on: string;
  when?: string | null;
}

/** An event that ends the rest of a run. */
export interface CancelRuleAnswer {
  on: string;
  when: string | null;
}

/** The certificate of an erasure. */
export interface CertificateAnswer {
  id: string;
  /** Null: a platform asked about somebody who is not known here. */
  recipient_id: string | null;
  source: string;
  requested_at: string;
  state: "under_way" | "late" | "complete" | (string & {});
  completed_at: string | null;
  /** Services that have not answered yet. */
  missing: string[];
  services: ServiceErasureAnswer[];
  kept: string[];
  ledger_verifies: boolean;
}

/** One state that a follow-up was in. */
export interface ChangeAnswer {
  at: string;
  state: string;
  happening: string;
  reason: string | null;
  release: number;
}

/** A day in UTC with entries or a root. */
export interface CheckedDay {
  day: string;
  /** `too_large`: more entries than a request reads; `followup ledger verify`. */
  state: DayState | (string & {});
  entries: number;
  problems: string[];
  /** The public key that its root names. */
  signed_by: string | null;
}

/** Days that were checked, the newest first; `next_to` goes on, and is null once `from` was reached. */
export interface CheckedDays {
  days: CheckedDay[];
  next_to: string | null;
}

/** A person's number and name in clear. */
export interface ClearContactAnswer {
  recipient_id: string;
  to: string;
  first_name: string | null;
  last_name: string | null;
}

/** The act that a claim reports (compliance section 3, field `event`). */
export type ConsentAct = "granted" | "pending" | "confirmed" | "revoked" | "restored" | "expired" | "imported";

/** One act of consent, with the evidence that proves it. */
export interface ConsentBody {
  /** The number, E.164 or in the merchant's country's own form. */
  to: string;
  scope: ConsentScope;
  /** What happened. */
  event?: ConsentAct;
  level?: ConsentLevel;
  /** When; an undated grant never overturns an opt-out, and an opt-out needs no date. */
  captured_at?: string | null;
  expires_at?: string | null;
  method?: string;
  /** The exact wording shown. */
  disclosure?: string | null;
  /** Where: a form's address. */
  source?: string;
  ip?: string | null;
  user_agent?: string | null;
  /** Any other proof; kept encrypted. */
  evidence?: Record<string, unknown> | null;
}

/** How strong a permission is (compliance section 3). */
export type ConsentLevel = "pewc" | "express" | "implied" | "soft_opt_in" | "contract" | "unknown";

/** What a claim is about. */
export type ConsentScope = "marketing" | "informational" | "all";

/** What a control does with the texts in its scope. */
export type ControlAction = "pause" | "stop";

/** One control and what became of it. */
export interface ControlAnswer {
  control_id: string;
  action: ControlAction | (string & {});
  scope: ScopeAnswer;
  reason: string | null;
  made_at: string;
  made_by: string;
  until: string | null;
  in_force_at: string | null;
  lifted_at: string | null;
  lifted_by: string | null;
  lift_reason: string | null;
  waiting: number;
  cancelled: number;
  in_progress: boolean;
}

/** A merchant's controls, the newest first. */
export interface ControlPage {
  controls: ControlAnswer[];
  next_cursor: string | null;
}

/** Pause texts, stop them, or let them go on. */
export interface ControlRequest {
  action: "pause" | "stop" | "resume";
  scope: ScopeInput;
  reason: string;
  /** When it ends by itself; without it, when it is lifted. */
  until?: string | null;
  /** Only say how many planned follow-ups it concerns. */
  dry_run?: boolean;
}

/** What a request did, and how many follow-ups it concerns. */
export interface ControlsChanged {
  controls: ControlAnswer[];
  follow_ups: number;
  is_exact: boolean;
  approval: WaitingForYes | null;
}

/** How much somebody should look at a conversation; later ones stand first in the inbox. */
export type ConversationState = "closed" | "read" | "unread" | "needs_review";

/** A person who has written to the merchant. */
export interface ConversationView {
  recipient_id: string;
  /** Their number, masked for keys without `recipients:reveal`; null where it is no longer kept. */
  to: string | null;
  state: ConversationState | (string & {});
  unread: number;
  newest_at: string;
  newest_reply_id: string;
  newest_class: string | null;
  /** Their newest reply; `…` for keys without `messages:read`, null where it is no longer kept. */
  newest_text: string | null;
  assigned_to: string | null;
}

/** Everything that is held about a person: rows, by table, by service. */
export interface CopyAnswer {
  id: string;
  /** Null: a platform asked about somebody who is not known here. */
  recipient_id: string | null;
  source: string;
  requested_at: string;
  state: "under_way" | "late" | "complete" | (string & {});
  completed_at: string | null;
  /** Services that have not answered yet. */
  missing: string[];
  services: Record<string, unknown>;
}

/** The number that the rows of all pages add up to, as a person reads it. */
export interface CountedAnswer {
  number: string;
  /** What it counts. */
  words: string;
  /** The requested part in words; empty without one. */
  detail: string;
}

/** How a day stands. */
export type DayState = "in_order" | "not_signed_yet" | "broken" | "too_large";

/** Which notifications are listed. */
export type DeliveryFilter = "all" | "pending" | "delivered" | "dead" | "discarded" | "erased";

/** Notifications, the newest first. */
export interface DeliveryPage {
  deliveries: DeliveryView[];
  next_cursor: string | null;
}

/** Where one notification for one endpoint stands. */
export type DeliveryState = "pending" | "delivered" | "dead" | "discarded" | "erased";

/** One notification for one endpoint. */
export interface DeliveryView {
  id: string;
  endpoint: string;
  /** What it says, as in `events:` of merchant.yaml; or `test`. */
  type: string;
  /** The person it is about, if it is about one. */
  recipient_id: string | null;
  state: DeliveryState | (string & {});
  attempts: number;
  created_at: string;
  /** When it is tried next; null unless it is pending. */
  next_at: string | null;
  ended_at: string | null;
  /** What was wrong at the latest attempt, as a constant word. */
  problem: string | null;
  detail: string | null;
}

/** The values of `GET /v1/kpis?by=`. */
export type Dimension = "flow" | "day" | "hour" | "weekday" | "segment" | "number" | "provider" | "version";

/** Why a notification need not arrive. */
export interface DiscardBody {
  reason: string;
}

/** Confirms that a reply belongs to no one. */
export interface Dismissal {
  /** Required where the reply reads as an opt-out. */
  although_opt_out?: boolean;
}

/** The reply was deleted. */
export interface Dismissed {
  dismissed: boolean;
}

/** One cleared follow-up at the sender, with its attempts. */
export interface DispatchView {
  follow_up_id: string;
  state: string;
  reason: string | null;
  progress: ProgressAnswer;
  release: number;
  flow: string;
  step: string;
  purpose: string;
  sender_number: string;
  valid_until: string;
  retry_at: string | null;
  in_flight_at_stop: number;
  attempts: AttemptView[];
}

/** What happens with it. */
export type Doing = "planned" | "waiting" | "under_way" | "at_the_gate" | "sending" | "unanswered" | "sent" | "ended";

/** A text of a flow that is being written. */
export interface DraftTextAnswer {
  text: string;
  purpose: string;
  previews: TextPreviewAnswer[];
}

/** What would be planned; nothing was stored. */
export interface DryRunAnswer {
  dry_run: true;
  state: "pending";
  due_at: string;
  due_local: string;
  texts: TextAnswer[];
}

/** A moment on the recipient's clock. */
export interface DueLocal {
  date: string;
  time: string;
}

/** How many texts ended without arriving, in one way and for one reason. */
export interface EndAnswer {
  state: string;
  reason: string;
  words: string;
  texts: number;
}

/** The endpoints of a merchant, in the order of its file. */
export interface EndpointList {
  endpoints: EndpointView[];
  /** Notifications that were given up and wait for a decision; 1000 stands for that many or more. */
  given_up: number;
}

/** One endpoint of merchant.yaml, and how it does. */
export interface EndpointView {
  name: string;
  channel: "webhook" | "mail" | (string & {});
  events: string[];
  /** Notifications that wait for it, at most 10,000. */
  waiting: number;
  /** Failed attempts in a row; from five on it is called less often. */
  failures: number;
  failing_since: string | null;
  /** When it may be called again. */
  not_before: string | null;
  /** When it last took a notification. */
  last_delivered_at: string | null;
}

/** How often one person may run through. */
export interface EnterAnswer {
  rule: "once" | "once_per" | "every" | (string & {});
  once_per?: string | null;
  every_seconds?: number | null;
}

/** The newest erasures, newest first. */
export interface ErasuresAnswer {
  erasures: RightsRequestAnswer[];
}

/** Something that happened at the shop. */
export interface EventBody {
  id: string;
  kind: string;
  occurred_at?: string | null;
  subject?: string | null;
  customer?: string | null;
  test?: boolean;
  recipient?: RecipientBody;
  amount?: AmountBody | null;
  consent?: EventConsentBody[];
  facts?: Record<string, unknown>;
}

/** A consent given or withdrawn with the event. */
export interface EventConsentBody {
  scope: ConsentScope;
  event: ConsentAct;
  level?: ConsentLevel;
  captured_at?: string | null;
  method?: string;
  disclosure?: string | null;
  source?: string;
}

/** What became of one event of a request. */
export interface EventOutcome {
  id: string | null;
  /** accepted, duplicate, ignored (nothing in it is new), no_recipient or refused. */
  status: string;
  /** Of a refused one: each field that is wrong, and why. */
  errors: FieldProblem[];
}

/** What became of the events of a request, in their order. */
export interface EventsAnswer {
  accepted: number;
  duplicates: number;
  /** Of those accepted: they name nobody who can be texted. */
  no_recipient: number;
  refused: number;
  events: EventOutcome[];
}

/** The newest exports, newest first. */
export interface ExportsAnswer {
  exports: RightsRequestAnswer[];
}

/** One fact, without personal data. */
export interface FactAnswer {
  event_id: string;
  type: string;
  service: string;
  follow_up_id: string | null;
  /** A keyed hash, from which the number cannot be derived. */
  recipient_id: string;
  flow: string | null;
  step: string | null;
  occurred_at: string;
  recorded_at: string;
  summary: string;
  /** What it adds to the requested measure. */
  value: number | null;
  /** The same as a person reads it: 62.00 USD. */
  counts: string | null;
  /** The event as published, without its encrypted fields. */
  fact: Record<string, unknown>;
}

/** The answer of `GET /v1/facts`. */
export interface FactsAnswer {
  window: WindowAnswer;
  /** Null without a measure. */
  counted: CountedAnswer | null;
  rows: FactAnswer[];
  /** The cursor of the next page, also of a page on which rows are rare; null on the last page. */
  next: string | null;
  /** Up to when this page looked; null on the last page. */
  searched_to: string | null;
}

/** One fact of the live list. */
export interface FeedLineAnswer {
  event_id: string;
  at: string;
  type: string;
  title: string;
  summary: string;
  tone: Tone | (string & {});
  recipient_id: string;
  follow_up_id: string | null;
  flow: string | null;
  step: string | null;
}

/** One field and what is wrong with it. */
export interface FieldProblem {
  field: string;
  reason: string;
}

/** One flow in force. */
export interface FlowAnswer {
  flow: string;
  version: string;
  description: string;
  on: string;
  steps: string[];
  planned_texts: number;
  control: FlowControlAnswer | null;
}

/** What is wrong with it, and what its texts would say. */
export interface FlowCheckAnswer {
  is_valid: boolean;
  version: string | null;
  problems: FlowProblemAnswer[];
  texts: DraftTextAnswer[];
}

/** What every text of a flow or of a step is under; more about it in `GET /v1/controls`. */
export interface FlowControlAnswer {
  control_id: string;
  action: ControlAction | (string & {});
  made_at: string;
  until: string | null;
  covers: "everything" | "merchant" | "flow" | "step" | (string & {});
}

/** A file was deleted; planned texts of the flow are paused a minute later, until somebody decides about them. */
export interface FlowDeletedAnswer {
  flow: string;
}

/** A flow as somebody writes it: YAML, as in a file. */
export interface FlowDraft {
  text: string;
}

/** What a flow did, and each of its steps; `step` is empty. */
export interface FlowFiguresAnswer {
  step: string;
  planned: number;
  waiting: number;
  sent: number;
  delivered: number;
  reached: number;
  clicked: number;
  replied: number;
  converted: number;
  opted_out: number;
  unknown: number;
  parts: number;
  unpriced: number;
  ended: EndAnswer[];
  revenue: AmountAnswer[];
  text_revenue: AmountAnswer[];
  cost: AmountAnswer[];
  flow: string;
  entered: number;
  active: number;
  steps: StepFiguresAnswer[];
}

/** The answer of `GET /v1/flow-figures`. */
export interface FlowFiguresPage {
  window: WindowAnswer;
  flows: FlowFiguresAnswer[];
}

/** The file of a flow. */
export interface FlowFileAnswer {
  flow: string;
  text: string;
  sha256: string;
  is_writable: boolean;
}

/** The merchant's flows. */
export interface FlowList {
  flows: FlowAnswer[];
  removed: RemovedFlowAnswer[];
}

/** One mistake, and what to write instead. */
export interface FlowProblemAnswer {
  line: number;
  severity: "error" | "warning" | (string & {});
  message: string;
  fix: string;
}

/** A file was saved; it comes into force within two seconds. */
export interface FlowSavedAnswer {
  flow: string;
  sha256: string;
  version: string;
  problems: FlowProblemAnswer[];
}

/** One flow: as its file says, or, of one that was removed, as the version that began last. */
export interface FlowStory {
  flow: string;
  version: string;
  is_in_force: boolean;
  description: string;
  on: string;
  when: string | null;
  enter: EnterAnswer;
  cancel_on: CancelRuleAnswer[];
  facts: Record<string, string>;
  click_days: number;
  delivered_hours: number;
  steps: (WaitAnswer | TextStepAnswer)[];
  planned_texts: number;
  control: FlowControlAnswer | null;
}

/** One version of a flow; comments and layout of the file make none. */
export interface FlowVersionAnswer {
  version: string;
  first_started_at: string | null;
  is_in_force: boolean;
  content: string;
}

/** The versions of a flow, the newest first. */
export interface FlowVersionList {
  flow: string;
  versions: FlowVersionAnswer[];
  has_more: boolean;
}

/** The state of a follow-up. */
export interface FollowUpAnswer {
  follow_up_id: string;
  enrollment_id: string;
  flow: string;
  flow_version: string;
  step: string;
  purpose: string;
  state: string;
  reason: string | null;
  progress: ProgressAnswer;
  waits_for: WaitsForAnswer | null;
  release: number;
  is_too_late: boolean;
  due_at: string;
  due_local: string;
  first_due_at: string;
  expires_at: string | null;
  time_zone: string;
  sender_number: string;
  subject: string | null;
  locale: string;
  created_at: string;
  updated_at: string;
  correlation_id: string;
}

/** Follow-ups, the newest first. */
export interface FollowUpPage {
  follow_ups: FollowUpAnswer[];
  next_cursor: string | null;
}

/** One text, or one run of a flow, for one recipient. */
export interface FollowUpRequest {
  to?: string | null;
  /** In place of `to`, of an answer: whom the inbox names. Nothing else is to be said of them. */
  recipient_id?: string | null;
  text?: string | null;
  /** `conversation`: your own answer to what the person wrote in the last 24 hours. */
  purpose?: "marketing" | "informational" | "transactional" | "conversation" | null;
  flow?: string | null;
  /** With `flow`: what happened, as its texts read it. */
  trigger?: Record<string, unknown> | null;
  due_at?: string | null;
  due_in?: string | null;
  due_local?: DueLocal | null;
  expires_at?: string | null;
  /** What to do when the due time has passed. */
  if_past?: "send" | "skip" | null;
  recipient?: RecipientInput;
  facts?: Record<string, unknown>;
  subject?: string | null;
  cancel_on?: CancelRule[];
  dry_run?: boolean;
  /** Only to a phone listed under `test_recipients`: goes now, says [Test], and no figure counts it. */
  test?: boolean;
  /** With `test` and `flow`: which of its texts; by default the first. */
  step?: string | null;
}

/** The state of a follow-up; only the scheduler's matrix changes it. */
export type FollowUpState = "pending" | "released" | "dispatched" | "delivered" | "unconfirmed" | "failed" | "unknown" | "blocked" | "cancelled" | "expired";

/** The state of a follow-up, with its history. */
export interface FollowUpStory {
  follow_up_id: string;
  enrollment_id: string;
  flow: string;
  flow_version: string;
  step: string;
  purpose: string;
  state: string;
  reason: string | null;
  progress: ProgressAnswer;
  waits_for: WaitsForAnswer | null;
  release: number;
  is_too_late: boolean;
  due_at: string;
  due_local: string;
  first_due_at: string;
  expires_at: string | null;
  time_zone: string;
  sender_number: string;
  subject: string | null;
  locale: string;
  created_at: string;
  updated_at: string;
  correlation_id: string;
  changes: ChangeAnswer[];
}

/** A consent that somebody of the shop enters for a person, with what proves it. */
export interface GivenConsentBody {
  scope: ConsentScope;
  /** pewc: signed under a wording, which `disclosure` holds (47 CFR 64.1200(f)(9)); express: said so. */
  level: "pewc" | "express";
  /** When they agreed. */
  captured_at: string;
  /** How they said it. */
  method: "in_person" | "voice" | "paper" | "mail" | "web_form";
  /** Where: a shop, an address, a telephone number. */
  source: string;
  /** The exact wording they agreed to. */
  disclosure?: string | null;
  /** What else proves it; kept encrypted. */
  note?: string | null;
}

/** What became of a parked event that was to be handled again. */
export type HandOver = "processed" | "failed" | "behind" | "gone";

/** What became of the rows of an import. */
export interface ImportAnswer {
  recorded: number;
  repeated: number;
  refused: RefusedRowAnswer[];
}

/** A batch of rows; each has the fields of `POST /v1/consents`. */
export interface ImportBody {
  rows: (Record<string, unknown>)[];
  /** Record nothing; say what would be recorded, and why not. */
  dry_run?: boolean;
}

/** How much waits for somebody; 100 stands for 100 and more. */
export interface InboxCounts {
  needs_review: number;
  unread: number;
}

/** Which conversations are listed. */
export type InboxFilter = "open" | "needs_review" | "unread" | "read" | "closed" | "all";

/** What needs a decision first, then what is unread, then the rest; the newest first. */
export interface InboxPage {
  conversations: ConversationView[];
  next_cursor: string | null;
}

/** The answer of `GET /v1/journeys/{follow_up_id}`. */
export interface JourneyAnswer {
  follow_up_id: string;
  state: FollowUpState | (string & {});
  reason: string | null;
  /** Its state, or while it is under way what is happening with it. */
  label: string;
  tone: Tone | (string & {});
  progress: ProgressAnswer;
  /** Its current state, in one sentence. */
  explanation: string;
  recipient_id: string;
  flow: string | null;
  flow_version: string | null;
  step: string | null;
  purpose: string | null;
  segment: string | null;
  provider: string | null;
  /** The shop's number that it is sent from. */
  sender_number: string | null;
  planned_at: string | null;
  due_at: string | null;
  events: StepAnswer[];
}

/** One figure, its numerator and denominator, and the URLs of the rows behind them. */
export interface KPIAnswer {
  name: string;
  title: string;
  /** Null if the denominator is zero. */
  value: number | null;
  numerator: number;
  denominator: number | null;
  unit: Unit | (string & {});
  formula: string;
  window: WindowAnswer;
  /** The rows whose `value` adds up to the numerator (retention figures: the orders examined). */
  rows: string | null;
  denominator_rows: string | null;
  currency?: string | null;
  reason?: string | null;
  by?: Dimension | (string & {}) | null;
  group?: string | null;
  note?: string | null;
}

/** The answer of `GET /v1/kpis`. */
export interface KPIsAnswer {
  kpis: KPIAnswer[];
}

/** A claim that is in the ledger, and what the ledger holds of its person now. */
export interface LedgerAnswer {
  consent_id: string;
  recipient_id: string;
  recorded: boolean;
  consents: ScopesAnswer;
  suppressed: string | null;
  needs_review: boolean;
  epoch: number;
}

/** One entry of the ledger; what proves it stays sealed. */
export interface LedgerEntryAnswer {
  entry_id: string;
  act: string;
  scope: string;
  level: string;
  recorded_at: string;
  captured_at: string | null;
  expires_at: string | null;
  method: string;
  source: string;
  is_by_the_person: boolean;
  has_disclosure: boolean;
  has_evidence: boolean;
}

/** One entry, without what identifies the person. */
export interface LedgerEntryView {
  entry_id: string;
  recipient_id: string;
  recorded_at: string;
  /** When it happened, as its source says. */
  captured_at: string | null;
  act: string;
  scope: string;
  level: string;
  method: string;
  source: string;
  actor: string;
  cause: string | null;
  country: string | null;
  state: string | null;
  /** Sealed evidence is kept; false after an erasure. */
  has_evidence: boolean;
}

/** The newest first; `next_cursor` goes on where this page's search ended. */
export interface LedgerPage {
  entries: LedgerEntryView[];
  next_cursor: string | null;
  /** Of the oldest entry that was looked at. */
  searched_to: string | null;
}

/** A follow-up that somebody should look at. */
export interface ListedFollowUpAnswer {
  follow_up_id: string;
  recipient_id: string;
  state: FollowUpState | (string & {});
  label: string;
  tone: Tone | (string & {});
  /** Why it is here, in one sentence without its full stop. */
  words: string;
  changed_at: string;
  waits_until: string | null;
  flow: string | null;
  step: string | null;
}

/** Who the person at a number is to the merchant. */
export interface LookupAnswer {
  recipient_id: string;
  is_known: boolean;
}

/** The number of a person; in a body, so that it is in no URL and no log. */
export interface LookupRequest {
  to: string;
}

/** How a person is shown: their number without its middle. */
export interface MaskedContactAnswer {
  recipient_id: string;
  to: string;
}

/** The measures; each counts facts unless its docstring says otherwise. */
export type Measure = "triggers" | "orders" | "order_value" | "planned" | "deferred" | "lapsed" | "blocked" | "cancelled" | "expired" | "accepted" | "parts" | "cost_micros" | "unpriced" | "delivered" | "reached" | "failed" | "unknown" | "replies" | "replied" | "opted_out" | "clicks" | "robot_clicks" | "clicked" | "conversions" | "converted" | "text_revenue" | "revenue" | "opt_outs" | "opt_ins" | "opt_out_milliseconds" | "timed_opt_outs" | "erasures" | "in_state";

/** One follow-up in the list of messages, without personal data. */
export interface MessageAnswer {
  follow_up_id: string;
  /** A keyed hash, from which the number cannot be derived. */
  recipient_id: string;
  flow: string | null;
  step: string | null;
  purpose: string | null;
  segment: string | null;
  state: FollowUpState | (string & {});
  reason: string | null;
  progress: ProgressAnswer;
  /** Its state, or while it is under way what is happening with it. */
  label: string;
  tone: Tone | (string & {});
  /** Its current state, in one sentence. */
  explanation: string;
  provider: string | null;
  sender_number: string | null;
  planned_at: string | null;
  due_at: string | null;
  /** When a provider first accepted it. */
  accepted_at: string | null;
  changed_at: string;
  is_clicked: boolean;
  is_replied: boolean;
  is_opted_out: boolean;
  is_converted: boolean;
}

/** The answer of `GET /v1/messages`. */
export interface MessagesAnswer {
  messages: MessageAnswer[];
  /** The cursor of the next page; null on the last page. */
  next_cursor: string | null;
  /** Set where the page ended before it was full, since enough was looked at: go on with the cursor. */
  searched_back_to: string | null;
}

/** The numbers in the order of the merchant's file. */
export interface NumberList {
  numbers: NumberView[];
}

/** A sender number of the merchant's file. */
export interface NumberView {
  number: string;
  provider: string;
  kind: string;
  /** As the merchant's file says: `registered`, `pending`, `unregistered`, … */
  registration: string;
  parts_per_second: number;
  /** Texts that wait for this number; 1000 stands for that many or more. */
  queued: number;
  /** `closed`: it sends; `open`: paused after unanswered calls or a cap; `halted`: a fault of the account, the number or its registration. */
  state: BreakerState | (string & {});
  /** What opened or halted it: the provider's code, or what was seen. */
  reason: string | null;
  tries_again_at: string | null;
  /** Calls of the last 24 hours, to the hour, that ended with an error, by class: `unanswered`, `not_sent`, or the class of the provider's code (`filtered`, `throttled`, `config`, …). */
  errors_24h: Record<string, number>;
}

/** Why somebody opts a person out: they asked by telephone, in the shop, by mail. */
export interface OptOutBody {
  scope?: "all" | "marketing";
  /** The number is somebody else's, or they complained: it is never written to again, whatever anybody agrees to later. */
  never_again?: "wrong_person" | "complaint" | null;
  reason: string;
}

/** What is happening now. */
export interface OverviewAnswer {
  span: OverviewPeriod | (string & {});
  window: WindowAnswer;
  before: WindowAnswer;
  /** In the order of a follow-up's life. */
  states: StateCountAnswer[];
  figures: OverviewFigureAnswer[];
  bars: BarAnswer[];
  /** The most frequent first. */
  reasons: ReasonCountAnswer[];
  /** The newest facts, newest first. */
  feed: FeedLineAnswer[];
  /** Those whose provider call is not concluded. */
  waiting: ListedFollowUpAnswer[];
  /** Unknown, blocked or failed, newest first. */
  needs_attention: ListedFollowUpAnswer[];
}

/** A figure of the period, and the same of the period before it. */
export interface OverviewFigureAnswer {
  name: string;
  title: string;
  /** Null if the denominator is zero. */
  value: number | null;
  numerator: number;
  denominator: number | null;
  unit: Unit | (string & {});
  formula: string;
  window: WindowAnswer;
  /** The rows whose `value` adds up to the numerator (retention figures: the orders examined). */
  rows: string | null;
  denominator_rows: string | null;
  currency?: string | null;
  reason?: string | null;
  by?: Dimension | (string & {}) | null;
  group?: string | null;
  note?: string | null;
  /** Its value in the period before; null if the denominator was zero. */
  before: number | null;
  /** What its numerator's rows add up to in each bar, in the unit of the rows. */
  by_bar: number[];
}

/** The period that the page covers. */
export type OverviewPeriod = "24h" | "7d" | "30d";

/** Which text, to which of the shop's own phones. */
export interface OwnPhoneBody {
  /** A phone listed under `test_recipients`. */
  to: string;
  /** Which text; by default the first. */
  step?: string | null;
  /** In which language; by default the shop's. */
  locale?: string | null;
  /** What happened, as the text reads it; by default the invented event of the previews. */
  trigger?: Record<string, unknown> | null;
}

/** Which events are discarded, and why. */
export interface ParkedDiscardBody {
  ids: number[];
  reason: string;
  /** Instead of the merchant's: events that cannot be read, so that nobody knows whose they are; for the operator. */
  of_no_merchant?: boolean;
}

/** The events that were discarded; those that were not parked are left out. */
export interface ParkedDiscarded {
  service: string;
  ids: number[];
}

/** An event that could not be handled, or that waits behind one. */
export interface ParkedEventView {
  id: number;
  /** Null for a text that the service set aside, or where it is unreadable. */
  event_id: string | null;
  type: string;
  /** Empty for a text that the service set aside. */
  topic: string;
  /** The key: events of one recipient are handled in order. */
  recipient_id: string;
  reason: string;
  /** It did not fail itself: it waits behind an earlier one of its recipient. */
  is_behind: boolean;
  parked_at: string;
  /** Redrives at which it failed again. */
  attempts: number;
  tried_at: string | null;
}

/** The oldest first. */
export interface ParkedPage {
  service: string;
  parked: ParkedEventView[];
  /** How many there are in all; 1000 stands for that many or more. */
  count: number;
  next_cursor: number | null;
}

/** What became of each, in order. */
export interface ParkedRedriveAnswer {
  service: string;
  events: ParkedRedriven[];
  /** Go on with this `after`; null once all were tried. */
  next: number | null;
}

/** Which events are handled again: named ones, those of a recipient, or all, in order. */
export interface ParkedRedriveBody {
  ids?: number[] | null;
  recipient_id?: string | null;
  everything?: boolean;
  /** With `recipient_id` or `everything`: `next` of the answer before. */
  after?: number;
  /** Instead of the merchant's: events that cannot be read, so that nobody knows whose they are; for the operator. */
  of_no_merchant?: boolean;
}

/** What became of an event that was to be handled again. */
export interface ParkedRedriven {
  id: number;
  /** `processed`; `failed`: again, it stays; `behind`: an earlier one of its recipient stays; `gone`: somebody was faster. */
  outcome: HandOver | (string & {});
  reason: string | null;
}

/** The size of a text. */
export interface PartsAnswer {
  encoding: string;
  parts: number;
  units: number;
}

/** What the ledger holds about a person, and what it adds up to. */
export interface PersonStandingAnswer {
  recipient_id: string;
  consents: Record<string, unknown>;
  suppressed: string | null;
  needs_review: boolean;
  preferences_url: string;
  entries: LedgerEntryAnswer[];
}

/** What was planned. */
export interface PlannedAnswer {
  follow_up_id: string;
  state: string;
  due_at: string;
  due_local: string;
  enrollment_id: string;
  follow_ups: string[];
}

/** A planned text as it would read now; what is sent is rendered anew at its time. */
export interface PreviewAnswer {
  follow_up_id: string;
  is_preview: true;
  as_of: string;
  due_at: string;
  due_local: string;
  locale: string;
  text: string;
  parts: PartsAnswer;
}

/** What a follow-up is doing now, and what it waits for. */
export interface ProgressAnswer {
  doing: Doing | (string & {});
  waits_for: string | null;
  until: string | null;
  detail: string | null;
}

/** The accounts in the order of the merchant's file. */
export interface ProviderList {
  providers: ProviderView[];
}

/** A provider account of the merchant's file. */
export interface ProviderView {
  provider: string;
  kind: string;
  /** Its settings and secrets can be used; else the log names what is wrong. */
  is_usable: boolean;
  numbers: string[];
  /** How many of them may not call now. */
  held_numbers: number;
  /** Calls of the last 24 hours, to the hour, that ended with an error, by class: `unanswered`, `not_sent`, or the class of the provider's code (`filtered`, `throttled`, `config`, …). */
  errors_24h: Record<string, number>;
  /** Null where no call of the last 24 hours is near. */
  answers_in: AnswerTimesView | null;
}

/** Which deliveries are discarded, and why. */
export interface QuarantineDiscardBody {
  delivery_ids: string[];
  reason: string;
}

/** The deliveries that were discarded; those that were not in quarantine are left out. */
export interface QuarantineDiscarded {
  delivery_ids: string[];
}

/** The newest first. */
export interface QuarantinePage {
  deliveries: QuarantinedDelivery[];
  next_cursor: string | null;
}

/** A genuine delivery that could not be read. */
export interface QuarantinedDelivery {
  delivery_id: string;
  source: string;
  topic: string;
  /** `not_json`, `unknown_topic`, `misshapen` or `topic_mismatch`. */
  reason: string;
  /** Which field was wrong, without its value. */
  detail: string;
  received_at: string;
}

/** How often follow-ups were deferred, blocked or failed for one reason. */
export interface ReasonCountAnswer {
  measure: Measure | (string & {});
  reason: string;
  words: string;
  rule: string | null;
  count: number;
  rows: string;
}

/** What is known of the reason of an action. */
export type ReasonState = "none" | "kept" | "erased" | "changed";

/** The person the event concerns; unknown fields stay unknown, they are never guessed. */
export interface RecipientBody {
  phone?: string | null;
  first_name?: string | null;
  last_name?: string | null;
  locale?: string | null;
  country?: string | null;
  state?: string | null;
  postal_code?: string | null;
  time_zone?: string | null;
}

/** What the caller knows about the recipient. */
export interface RecipientInput {
  first_name?: string | null;
  last_name?: string | null;
  /** IANA name, such as America/Chicago. */
  time_zone?: string | null;
  state?: string | null;
  country?: string | null;
  postal_code?: string | null;
  locale?: string | null;
}

/** The deliveries that were read again; what was in quarantine no more is left out. */
export interface RedriveAnswer {
  deliveries: RedrivenView[];
  /** With `everything`: go on with this `after`; null once all were read. */
  next: string | null;
}

/** Which deliveries are read again: named ones, or all, the oldest first. */
export interface RedriveBody {
  delivery_ids?: string[] | null;
  /** Instead of `delivery_ids`: the next ones after `after`. */
  everything?: boolean;
  /** With `everything`: `next` of the answer before. */
  after?: string | null;
}

/** What became of a delivery that was read again. */
export interface RedrivenView {
  delivery_id: string;
  /** `accepted`, `ignored`, `no_recipient`, or `quarantined`: still not readable. */
  outcome: string;
  /** Why it is still in quarantine; `no_longer_kept`: only to be discarded. */
  reason: string | null;
}

/** A row that is not in the ledger, and how to mend it. */
export interface RefusedRowAnswer {
  row: number;
  reason: string;
  detail: string;
}

/** A flow that no file has any more, while texts of it are planned. */
export interface RemovedFlowAnswer {
  flow: string;
  planned_texts: number;
  control: FlowControlAnswer | null;
}

/** A reply of the person. */
export interface ReplyView {
  kind: "reply";
  reply_id: string;
  at: string;
  /** `…` for keys without `messages:read`; null where it is no longer kept. */
  text: string | null;
  reply_class: string;
  /** It may have been an opt-out, and nobody has decided yet. */
  needs_review: boolean;
  review: ReviewView | null;
  /** The text it most likely answers. */
  follow_up_id: string | null;
  sender_number: string;
  channel: string | null;
}

/** How the text stands now. */
export interface ResolutionAnswer {
  follow_up_id: string;
  attempt_id: string;
  attempt_state: string;
  state: string;
  reason: string | null;
  /** When the gate is asked again; null where it is not. */
  retry_at: string | null;
}

/** What somebody who looked at the provider says. */
export interface ResolutionBody {
  /** The call it is about, as the list names it. */
  attempt_id: string;
  outcome: ResolutionOutcome;
  /** With `sent`: the provider's id of the text, so that its receipts and status count. */
  provider_message_id?: string | null;
  /** With `not_sent`: ask the gate once more, where the flow permits that. */
  send_again?: boolean;
  /** What you saw, for those who look later. */
  reason: string;
}

/** What became of a call without an answer. */
export type ResolutionOutcome = "sent" | "not_sent";

/** What somebody read in an unclear reply. */
export interface ReviewBody {
  /** The newest reply you have read; answered with 409 `newer_reply` where another has come since. */
  seen?: string | null;
  /** True: the person does not want these texts, and that counts as their own opt-out. False: they said something else, and marketing to them goes on. */
  was_opt_out: boolean;
  /** Why, in your words; for the audit log. */
  reason?: string | null;
}

/** What somebody decided about a reply. */
export interface ReviewView {
  was_opt_out: boolean;
  at: string;
  by: string;
}

/** One withdrawal, received by any means (47 CFR 64.1200(a)(10): any reasonable means). */
export interface RevocationBody {
  to: string;
  scope?: "all" | "marketing";
  reason?: string;
  /** When; one that cannot be read is left out, the withdrawal counts. */
  revoked_at?: string | null;
}

/** Links made until then open no page any more. */
export interface RevokedLinksAnswer {
  recipient_id: string;
  revoked_at: string;
}

/** A request by right, as lists show it. */
export interface RightsRequestAnswer {
  id: string;
  /** Null: a platform asked about somebody who is not known here. */
  recipient_id: string | null;
  source: string;
  requested_at: string;
}

/** A request that was taken: every service answers it, most within a minute. */
export interface RightsRequestTaken {
  id: string;
  /** Null: a platform asked about somebody who is not known here. */
  recipient_id: string | null;
  source: string;
  requested_at: string;
  state: "under_way";
}

/** One recipient's run through a flow. */
export interface RunAnswer {
  enrollment_id: string;
  flow: string;
  flow_version: string;
  ordinal: number;
  subject: string | null;
  entered_at: string;
  state: "active" | "ended" | (string & {});
  follow_ups: FollowUpAnswer[];
}

/** Runs, the newest first. */
export interface RunPage {
  enrollments: RunAnswer[];
  next_cursor: string | null;
}

/** An answer to be kept. */
export interface SavedAnswerBody {
  /** Another one under the same title replaces it. */
  title: string;
  /** Liquid: {{ recipient.first_name | default: 'there' }}. */
  text: string;
}

/** All that a shop keeps, by title; 100 at most. */
export interface SavedAnswerList {
  answers: SavedAnswerView[];
}

/** A kept answer. */
export interface SavedAnswerView {
  answer_id: string;
  title: string;
  text: string;
  saved_at: string;
}

/** Which texts a control is about: all of the merchant's where nothing else is given. */
export interface ScopeAnswer {
  everything: boolean;
  merchant: string | null;
  flow: string | null;
  step: string | null;
  number: string | null;
  provider: string | null;
  recipient: string | null;
}

/** Which texts: exactly one of the fields, but `step` comes with its `flow`, and a provider may be everybody's. */
export interface ScopeInput {
  /** Every merchant of the installation; for its operator. */
  everything?: boolean;
  /** All texts of this merchant: the key's own. */
  merchant?: string | null;
  flow?: string | null;
  /** The `text:` of one step of the flow. */
  step?: string | null;
  /** A sender number of the merchant, as in merchant.yaml. */
  number?: string | null;
  /** A provider of the merchant, as in merchant.yaml. */
  provider?: string | null;
  /** One person, by recipient id. */
  recipient?: string | null;
  /** One person, by phone number. */
  to?: string | null;
}

/** What the ledger holds for one scope. */
export interface ScopeSnapshot {
  status: string;
  captured_at?: string | null;
  expires_at?: string | null;
  revoked_at?: string | null;
}

/** What is in force for each scope. */
export interface ScopesAnswer {
  marketing: ScopeSnapshot;
  informational: ScopeSnapshot;
}

/** The recipient whose follow-ups to find; in a body, so that the number is in no URL and no log. */
export interface SearchRequest {
  to: string;
  state?: FollowUpState | null;
}

/** What the caller has read. */
export interface SeenBody {
  /** The newest reply you have read; answered with 409 `newer_reply` where another has come since. */
  seen?: string | null;
}

/** What may not be sent to the person, as the sender obeys it; the ledger's standing is compliance's. */
export interface SendPermissionView {
  suppressed: string | null;
  marketing_suppressed: boolean;
  informational_suppressed: boolean;
  needs_review: boolean;
}

/** What one service deleted. */
export interface ServiceErasureAnswer {
  service: string;
  erased_at: string;
  /** How many rows, by table. */
  rows: Record<string, number>;
}

/** What last went wrong with a source. */
export interface SourceError {
  at: string;
  /** `signature` (refused: no secret of the merchant's file fits), `over_quota`, `invalid` (events that were refused), or why it was quarantined: `not_json`, `unknown_topic`, `misshapen`, `topic_mismatch`. */
  what: string;
}

/** The sources of a merchant, by name. */
export interface SourceList {
  sources: SourceView[];
}

/** A source of a merchant; `api` is what its own systems report with `POST /v1/events`. */
export interface SourceView {
  source: string;
  /** It is in the merchant's file now. */
  is_configured: boolean;
  /** When it last brought a genuine delivery. */
  last_delivery_at: string | null;
  /** `last_delivery_at`, where that is six hours ago or more; else null, also where none ever came. */
  silent_since: string | null;
  /** Deliveries by outcome in the last 24 hours, to the hour. */
  last_24h: Record<string, number>;
  last_error: SourceError | null;
  /** Deliveries that wait in quarantine; 1000 stands for that many or more. */
  quarantined: number;
}

/** The number whose standing is asked for; in a body, so that it stays out of URLs. */
export interface StandingBody {
  to: string;
}

/** How many follow-ups are in a state now. */
export interface StateCountAnswer {
  state: FollowUpState | (string & {});
  count: number;
  words: string;
}

/** One step of a story. */
export interface StepAnswer {
  at: string;
  type: string;
  service: string;
  title: string;
  summary: string;
  tone: Tone | (string & {});
  verdict: string | null;
  reason: string | null;
  rule: string | null;
  is_about_person: boolean;
  event_id: string;
  correlation_id: string;
}

/** What the texts of a step did; those that were sent are counted in the hour in which the provider took them. */
export interface StepFiguresAnswer {
  step: string;
  planned: number;
  waiting: number;
  sent: number;
  delivered: number;
  reached: number;
  clicked: number;
  replied: number;
  converted: number;
  opted_out: number;
  unknown: number;
  parts: number;
  unpriced: number;
  ended: EndAnswer[];
  revenue: AmountAnswer[];
  text_revenue: AmountAnswer[];
  cost: AmountAnswer[];
}

/** One text that would be sent. */
export interface TextAnswer {
  step: string;
  purpose: string;
  due_at: string;
  due_local: string;
  expires_at: string | null;
  sender_number: string;
  locale: string;
  text: string;
  parts: PartsAnswer;
  gate: Record<string, unknown>;
  gate_note: string;
}

/** A text in one language, as it would be sent to an invented person. */
export interface TextPreviewAnswer {
  locale: string;
  text: string | null;
  parts: PartsAnswer | null;
  problem: string | null;
}

/** A text of a flow. */
export interface TextStepAnswer {
  kind: "text";
  text: string;
  purpose: string;
  expire_after_seconds: number | null;
  if_past: string;
  previews: TextPreviewAnswer[];
  control: FlowControlAnswer | null;
}

/** A text that a provider was given, or may have been. */
export interface TextView {
  kind: "text";
  follow_up_id: string;
  at: string;
  /** As it was sent; `…` for keys without `messages:read`, null where it is no longer kept. */
  text: string | null;
  flow: string;
  step: string;
  purpose: string;
  state: string;
  reason: string | null;
  sender_number: string | null;
  parts: number | null;
}

/** A conversation and a page of what was written and sent, the newest first. */
export interface ThreadView {
  conversation: ConversationView;
  permission: SendPermissionView;
  items: (ReplyView | TextView)[];
  next_cursor: string | null;
}

/** The newest 100 things that happened to a person, the newest first. */
export interface TimelineAnswer {
  recipient_id: string;
  steps: TimelineStepAnswer[];
}

/** Something that happened to a person. */
export interface TimelineStepAnswer {
  at: string;
  type: string;
  title: string;
  summary: string;
  tone: Tone | (string & {});
  /** The text that it is about, if it is about one. */
  follow_up_id: string | null;
  flow: string | null;
  step: string | null;
  event_id: string;
}

/** The tone of a step, which decides its colour and sign. */
export type Tone = "plain" | "good" | "wait" | "bad" | "glad";

/** What is to have happened, to whom. */
export interface TrialEventBody {
  /** A phone listed under `test_recipients`. */
  to: string;
  kind?: TriggerKind;
}

/** Built-in kinds; any other is ``custom.<name>`` (formats, `POST /v1/events`). */
export type TriggerKind = "purchase" | "inquiry" | "checkout_started" | "checkout_completed" | "fulfilment" | "in_transit" | "out_for_delivery" | "ready_for_pickup" | "delivery_attempted" | "delivery_failed" | "delivery" | "refund" | "cancellation" | "booking" | "customer_updated" | "subscription_cancel_started" | "loyalty_changed" | "survey_answered";

/** The newest first. */
export interface UnassignedPage {
  replies: UnassignedView[];
  next_cursor: string | null;
}

/** A reply without a known recipient. */
export interface UnassignedView {
  id: string;
  provider: string;
  /** sender_unknown, not_our_number or incomplete. */
  reason: string;
  reply_class: string;
  received_at: string;
  /** What the provider delivered, with sender and text; null for keys without `replies:write`. */
  fields: Record<string, string> | null;
}

/** The unit of a value. */
export type Unit = "ratio" | "percent" | "seconds" | "minor" | "count";

/** The newest first. */
export interface UnknownTextPage {
  unknown: UnknownTextView[];
  /** How many there are in all; 1000 stands for that many or more. */
  count: number;
  next_cursor: string | null;
}

/** A text whose call had no answer, and what is known about it. */
export interface UnknownTextView {
  follow_up_id: string;
  attempt_id: string;
  recipient_id: string;
  /** The number, masked for keys without `recipients:reveal`; null where it is no longer kept. */
  to: string | null;
  flow: string;
  step: string;
  purpose: string;
  provider: string;
  sender_number: string;
  called_at: string;
  /** What was seen instead of an answer: `http_503`, `timeout`, `no_outcome`, … */
  seen: string | null;
  /** The provider is asked no more; the text counts as sent. */
  is_given_up: boolean;
  /** When the provider was asked last. */
  asked_at: string | null;
  /** What it said: `not_listed`, `no_answer`, or `inconclusive` (too early, or several texts fit). */
  answer: string | null;
  /** Since when the provider lists no such text; the second such answer proves that it was not sent. */
  absent_since: string | null;
  asked_again_at: string | null;
  gives_up_at: string;
  /** Its flow permits `send_again` with `not_sent`. */
  may_be_sent_again: boolean;
}

/** A wait: elapsed seconds, or days, hours, time and weekdays on the person's own clock. */
export interface WaitAnswer {
  kind: "wait";
  seconds?: number | null;
  days: number;
  hours: number;
  minutes: number;
  then_at?: string | null;
  on?: string[] | null;
}

/** A resume that takes a second person: nothing was done yet. */
export interface WaitingForYes {
  approval_id: string;
  texts: number;
  expires_at: string;
  detail: string;
}

/** What a due follow-up waits for. */
export interface WaitsForAnswer {
  kind: "control" | "earlier_text" | "number" | (string & {});
  id: string | null;
  since: string;
}

/** Whole UTC hours; `to` is exclusive. */
export interface WindowAnswer {
  from: string;
  to: string;
}

/** What went wrong (RFC 9457); `code` is stable, `detail` says what to do. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  errors?: { field: string; reason: string }[];
}

export interface Refusal {
  headers: { [name: string]: unknown };
  content: { "application/problem+json": Problem };
}

export interface components {
  schemas: {
    ActorKind: ActorKind;
    AddressClass: AddressClass;
    AmountAnswer: AmountAnswer;
    AmountBody: AmountBody;
    AnswerRequest: AnswerRequest;
    AnswerTimesView: AnswerTimesView;
    ApprovalAction: ApprovalAction;
    ApprovalAnswer: ApprovalAnswer;
    ApprovalPage: ApprovalPage;
    ApprovalSubjectAnswer: ApprovalSubjectAnswer;
    Assigned: Assigned;
    AssigneeBody: AssigneeBody;
    AssignmentBody: AssignmentBody;
    AttemptView: AttemptView;
    AuditChain: AuditChain;
    AuditDay: AuditDay;
    AuditDays: AuditDays;
    AuditLink: AuditLink;
    AuditPage: AuditPage;
    AuditRow: AuditRow;
    BarAnswer: BarAnswer;
    BreakerState: BreakerState;
    CancelAnswer: CancelAnswer;
    CancelRequest: CancelRequest;
    CancelRule: CancelRule;
    CancelRuleAnswer: CancelRuleAnswer;
    CertificateAnswer: CertificateAnswer;
    ChangeAnswer: ChangeAnswer;
    CheckedDay: CheckedDay;
    CheckedDays: CheckedDays;
    ClearContactAnswer: ClearContactAnswer;
    ConsentAct: ConsentAct;
    ConsentBody: ConsentBody;
    ConsentLevel: ConsentLevel;
    ConsentScope: ConsentScope;
    ControlAction: ControlAction;
    ControlAnswer: ControlAnswer;
    ControlPage: ControlPage;
    ControlRequest: ControlRequest;
    ControlsChanged: ControlsChanged;
    ConversationState: ConversationState;
    ConversationView: ConversationView;
    CopyAnswer: CopyAnswer;
    CountedAnswer: CountedAnswer;
    DayState: DayState;
    DeliveryFilter: DeliveryFilter;
    DeliveryPage: DeliveryPage;
    DeliveryState: DeliveryState;
    DeliveryView: DeliveryView;
    Dimension: Dimension;
    DiscardBody: DiscardBody;
    Dismissal: Dismissal;
    Dismissed: Dismissed;
    DispatchView: DispatchView;
    Doing: Doing;
    DraftTextAnswer: DraftTextAnswer;
    DryRunAnswer: DryRunAnswer;
    DueLocal: DueLocal;
    EndAnswer: EndAnswer;
    EndpointList: EndpointList;
    EndpointView: EndpointView;
    EnterAnswer: EnterAnswer;
    ErasuresAnswer: ErasuresAnswer;
    EventBody: EventBody;
    EventConsentBody: EventConsentBody;
    EventOutcome: EventOutcome;
    EventsAnswer: EventsAnswer;
    ExportsAnswer: ExportsAnswer;
    FactAnswer: FactAnswer;
    FactsAnswer: FactsAnswer;
    FeedLineAnswer: FeedLineAnswer;
    FieldProblem: FieldProblem;
    FlowAnswer: FlowAnswer;
    FlowCheckAnswer: FlowCheckAnswer;
    FlowControlAnswer: FlowControlAnswer;
    FlowDeletedAnswer: FlowDeletedAnswer;
    FlowDraft: FlowDraft;
    FlowFiguresAnswer: FlowFiguresAnswer;
    FlowFiguresPage: FlowFiguresPage;
    FlowFileAnswer: FlowFileAnswer;
    FlowList: FlowList;
    FlowProblemAnswer: FlowProblemAnswer;
    FlowSavedAnswer: FlowSavedAnswer;
    FlowStory: FlowStory;
    FlowVersionAnswer: FlowVersionAnswer;
    FlowVersionList: FlowVersionList;
    FollowUpAnswer: FollowUpAnswer;
    FollowUpPage: FollowUpPage;
    FollowUpRequest: FollowUpRequest;
    FollowUpState: FollowUpState;
    FollowUpStory: FollowUpStory;
    GivenConsentBody: GivenConsentBody;
    HandOver: HandOver;
    ImportAnswer: ImportAnswer;
    ImportBody: ImportBody;
    InboxCounts: InboxCounts;
    InboxFilter: InboxFilter;
    InboxPage: InboxPage;
    JourneyAnswer: JourneyAnswer;
    KPIAnswer: KPIAnswer;
    KPIsAnswer: KPIsAnswer;
    LedgerAnswer: LedgerAnswer;
    LedgerEntryAnswer: LedgerEntryAnswer;
    LedgerEntryView: LedgerEntryView;
    LedgerPage: LedgerPage;
    ListedFollowUpAnswer: ListedFollowUpAnswer;
    LookupAnswer: LookupAnswer;
    LookupRequest: LookupRequest;
    MaskedContactAnswer: MaskedContactAnswer;
    Measure: Measure;
    MessageAnswer: MessageAnswer;
    MessagesAnswer: MessagesAnswer;
    NumberList: NumberList;
    NumberView: NumberView;
    OptOutBody: OptOutBody;
    OverviewAnswer: OverviewAnswer;
    OverviewFigureAnswer: OverviewFigureAnswer;
    OverviewPeriod: OverviewPeriod;
    OwnPhoneBody: OwnPhoneBody;
    ParkedDiscardBody: ParkedDiscardBody;
    ParkedDiscarded: ParkedDiscarded;
    ParkedEventView: ParkedEventView;
    ParkedPage: ParkedPage;
    ParkedRedriveAnswer: ParkedRedriveAnswer;
    ParkedRedriveBody: ParkedRedriveBody;
    ParkedRedriven: ParkedRedriven;
    PartsAnswer: PartsAnswer;
    PersonStandingAnswer: PersonStandingAnswer;
    PlannedAnswer: PlannedAnswer;
    PreviewAnswer: PreviewAnswer;
    ProgressAnswer: ProgressAnswer;
    ProviderList: ProviderList;
    ProviderView: ProviderView;
    QuarantineDiscardBody: QuarantineDiscardBody;
    QuarantineDiscarded: QuarantineDiscarded;
    QuarantinePage: QuarantinePage;
    QuarantinedDelivery: QuarantinedDelivery;
    ReasonCountAnswer: ReasonCountAnswer;
    ReasonState: ReasonState;
    RecipientBody: RecipientBody;
    RecipientInput: RecipientInput;
    RedriveAnswer: RedriveAnswer;
    RedriveBody: RedriveBody;
    RedrivenView: RedrivenView;
    RefusedRowAnswer: RefusedRowAnswer;
    RemovedFlowAnswer: RemovedFlowAnswer;
    ReplyView: ReplyView;
    ResolutionAnswer: ResolutionAnswer;
    ResolutionBody: ResolutionBody;
    ResolutionOutcome: ResolutionOutcome;
    ReviewBody: ReviewBody;
    ReviewView: ReviewView;
    RevocationBody: RevocationBody;
    RevokedLinksAnswer: RevokedLinksAnswer;
    RightsRequestAnswer: RightsRequestAnswer;
    RightsRequestTaken: RightsRequestTaken;
    RunAnswer: RunAnswer;
    RunPage: RunPage;
    SavedAnswerBody: SavedAnswerBody;
    SavedAnswerList: SavedAnswerList;
    SavedAnswerView: SavedAnswerView;
    ScopeAnswer: ScopeAnswer;
    ScopeInput: ScopeInput;
    ScopeSnapshot: ScopeSnapshot;
    ScopesAnswer: ScopesAnswer;
    SearchRequest: SearchRequest;
    SeenBody: SeenBody;
    SendPermissionView: SendPermissionView;
    ServiceErasureAnswer: ServiceErasureAnswer;
    SourceError: SourceError;
    SourceList: SourceList;
    SourceView: SourceView;
    StandingBody: StandingBody;
    StateCountAnswer: StateCountAnswer;
    StepAnswer: StepAnswer;
    StepFiguresAnswer: StepFiguresAnswer;
    TextAnswer: TextAnswer;
    TextPreviewAnswer: TextPreviewAnswer;
    TextStepAnswer: TextStepAnswer;
    TextView: TextView;
    ThreadView: ThreadView;
    TimelineAnswer: TimelineAnswer;
    TimelineStepAnswer: TimelineStepAnswer;
    Tone: Tone;
    TrialEventBody: TrialEventBody;
    TriggerKind: TriggerKind;
    UnassignedPage: UnassignedPage;
    UnassignedView: UnassignedView;
    Unit: Unit;
    UnknownTextPage: UnknownTextPage;
    UnknownTextView: UnknownTextView;
    WaitAnswer: WaitAnswer;
    WaitingForYes: WaitingForYes;
    WaitsForAnswer: WaitsForAnswer;
    WindowAnswer: WindowAnswer;
  };
}

export interface paths {
  "/v1/approvals": {
    /** List what waits for a second person's yes */
    get: operations["list_approvals"];
  };
  "/v1/approvals/{approval_id}/answer": {
    /** Say yes or no as the second person */
    post: operations["answer_as_second_person"];
  };
  "/v1/audit/compliance": {
    /** List who did what, the newest first */
    get: operations["list_compliance_audit"];
  };
  "/v1/audit/compliance/days": {
    /** List the days of the audit log, with their signed roots */
    get: operations["list_compliance_audit_days"];
  };
  "/v1/audit/compliance/days/{day}": {
    /** Show the entries of a day as they are chained */
    get: operations["get_compliance_audit_day"];
  };
  "/v1/audit/connectors": {
    /** List who did what, the newest first */
    get: operations["list_connectors_audit"];
  };
  "/v1/audit/connectors/days": {
    /** List the days of the audit log, with their signed roots */
    get: operations["list_connectors_audit_days"];
  };
  "/v1/audit/connectors/days/{day}": {
    /** Show the entries of a day as they are chained */
    get: operations["get_connectors_audit_day"];
  };
  "/v1/audit/console": {
    /** List who did what, the newest first */
    get: operations["list_console_audit"];
  };
  "/v1/audit/console/days": {
    /** List the days of the audit log, with their signed roots */
    get: operations["list_console_audit_days"];
  };
  "/v1/audit/console/days/{day}": {
    /** Show the entries of a day as they are chained */
    get: operations["get_console_audit_day"];
  };
  "/v1/audit/ingest": {
    /** List who did what, the newest first */
    get: operations["list_ingest_audit"];
  };
  "/v1/audit/ingest/days": {
    /** List the days of the audit log, with their signed roots */
    get: operations["list_ingest_audit_days"];
  };
  "/v1/audit/ingest/days/{day}": {
    /** Show the entries of a day as they are chained */
    get: operations["get_ingest_audit_day"];
  };
  "/v1/audit/metrics": {
    /** List who did what, the newest first */
    get: operations["list_metrics_audit"];
  };
  "/v1/audit/metrics/days": {
    /** List the days of the audit log, with their signed roots */
    get: operations["list_metrics_audit_days"];
  };
  "/v1/audit/metrics/days/{day}": {
    /** Show the entries of a day as they are chained */
    get: operations["get_metrics_audit_day"];
  };
  "/v1/audit/scheduler": {
    /** List who did what, the newest first */
    get: operations["list_scheduler_audit"];
  };
  "/v1/audit/scheduler/days": {
    /** List the days of the audit log, with their signed roots */
    get: operations["list_scheduler_audit_days"];
  };
  "/v1/audit/scheduler/days/{day}": {
    /** Show the entries of a day as they are chained */
    get: operations["get_scheduler_audit_day"];
  };
  "/v1/audit/sender": {
    /** List who did what, the newest first */
    get: operations["list_sender_audit"];
  };
  "/v1/audit/sender/days": {
    /** List the days of the audit log, with their signed roots */
    get: operations["list_sender_audit_days"];
  };
  "/v1/audit/sender/days/{day}": {
    /** Show the entries of a day as they are chained */
    get: operations["get_sender_audit_day"];
  };
  "/v1/consents": {
    /** Record consent with its evidence */
    post: operations["record_consent"];
    /** List the consent ledger's entries, the newest first */
    get: operations["list_consents"];
  };
  "/v1/consents/imports": {
    /** Import consents; rows without evidence are refused one by one */
    post: operations["import_consents"];
  };
  "/v1/consents/revoke": {
    /** Record a withdrawal, received anywhere */
    post: operations["record_withdrawal"];
  };
  "/v1/consents/verification": {
    /** Check the ledger's chains, daily roots and signatures */
    get: operations["verify_consents"];
  };
  "/v1/contacts/{recipient_id}": {
    /** Show a person's number, masked */
    get: operations["get_contact"];
  };
  "/v1/contacts/{recipient_id}/reveal": {
    /** Show a person's number and name in clear */
    post: operations["reveal_contact"];
  };
  "/v1/controls": {
    /** Pause texts, stop them, or let them go on */
    post: operations["pause_stop_or_resume"];
    /** List what is paused and stopped, or was */
    get: operations["list_controls"];
  };
  "/v1/conversations": {
    /** List the people who wrote, what needs a decision first */
    get: operations["list_conversations"];
  };
  "/v1/conversations/counts": {
    /** Count what waits for somebody */
    get: operations["count_conversations"];
  };
  "/v1/conversations/{recipient_id}": {
    /** Show what a person wrote and was sent */
    get: operations["get_conversation"];
  };
  "/v1/conversations/{recipient_id}/assign": {
    /** Say who handles a conversation */
    post: operations["assign_conversation"];
  };
  "/v1/conversations/{recipient_id}/close": {
    /** Put a conversation away until the person writes again */
    post: operations["close_conversation"];
  };
  "/v1/conversations/{recipient_id}/read": {
    /** Mark a conversation as read */
    post: operations["mark_conversation_read"];
  };
  "/v1/conversations/{recipient_id}/review": {
    /** Decide whether an unclear reply was an opt-out */
    post: operations["decide_unclear_reply"];
  };
  "/v1/decisions/{follow_up_id}": {
    /** List every verdict on one follow-up, with its evidence */
    get: operations["list_decisions"];
  };
  "/v1/deliveries": {
    /** List notifications, the newest first */
    get: operations["list_deliveries"];
  };
  "/v1/deliveries/{delivery_id}/discard": {
    /** Decide that a notification need not arrive */
    post: operations["discard_delivery"];
  };
  "/v1/deliveries/{delivery_id}/redrive": {
    /** Send a notification again that was given up */
    post: operations["redrive_delivery"];
  };
  "/v1/dispatches/unknown": {
    /** List texts of which nobody knows whether they were sent */
    get: operations["list_unknown_texts"];
  };
  "/v1/dispatches/{follow_up_id}": {
    /** Show a cleared follow-up and its attempts */
    get: operations["get_dispatch"];
  };
  "/v1/dispatches/{follow_up_id}/resolve": {
    /** Say whether an unknown text was sent */
    post: operations["resolve_unknown_text"];
  };
  "/v1/endpoints": {
    /** List the endpoints of merchant.yaml, and how they do */
    get: operations["list_endpoints"];
  };
  "/v1/endpoints/{name}/test": {
    /** Send an endpoint a test notification */
    post: operations["test_endpoint"];
  };
  "/v1/enrollments": {
    /** List people's runs through flows */
    get: operations["list_enrollments"];
  };
  "/v1/erasures": {
    /** Forget a person, in every service */
    post: operations["erase_person_by_number"];
    /** List the newest erasures, those that platforms asked for included */
    get: operations["list_erasures"];
  };
  "/v1/erasures/{request_id}": {
    /** Show the certificate: what was deleted where, by whom and when */
    get: operations["get_erasure"];
  };
  "/v1/events": {
    /** Report events */
    post: operations["report_events"];
  };
  "/v1/exports": {
    /** Collect everything held about a person */
    post: operations["export_person_by_number"];
    /** List the newest exports, those that platforms asked for included */
    get: operations["list_exports"];
  };
  "/v1/exports/{request_id}": {
    /** Show the copy, as JSON or CSV (Accept: text/csv) */
    get: operations["get_export"];
  };
  "/v1/facts": {
    /** List the rows behind a number */
    get: operations["list_facts"];
  };
  "/v1/flow-figures": {
    /** Show what each flow and each of its steps did, and what waits */
    get: operations["list_flow_figures"];
  };
  "/v1/flows": {
    /** List the flows in force, and those that were removed */
    get: operations["list_flows"];
  };
  "/v1/flows/{flow}": {
    /** Show one flow: its rules, and each text as it would be sent */
    get: operations["get_flow"];
  };
  "/v1/flows/{flow}/check": {
    /** Say what is wrong with a flow that is being written */
    post: operations["check_flow"];
  };
  "/v1/flows/{flow}/file": {
    /** Show the file of a flow */
    get: operations["get_flow_file"];
    /** Save the file of a flow, if nobody changed it meanwhile */
    post: operations["save_flow_file"];
    /** Delete the file of a flow, if nobody changed it meanwhile */
    delete: operations["delete_flow_file"];
  };
  "/v1/flows/{flow}/tests": {
    /** Send a text of a flow to a phone of the shop's own, marked as a test */
    post: operations["create_flow_test"];
  };
  "/v1/flows/{flow}/versions": {
    /** List the versions of a flow */
    get: operations["list_flow_versions"];
  };
  "/v1/follow-ups": {
    /** Enqueue a follow-up, or ask what would become of one */
    post: operations["enqueue_follow_up"];
    /** Find follow-ups by subject and state */
    get: operations["list_follow_ups"];
  };
  "/v1/follow-ups/cancel": {
    /** Cancel several follow-ups, or all of one person */
    post: operations["cancel_follow_ups"];
  };
  "/v1/follow-ups/search": {
    /** Find a person's follow-ups; the number stays out of the URL */
    post: operations["search_follow_ups"];
  };
  "/v1/follow-ups/{follow_up_id}": {
    /** Show one follow-up with every state it was in, and why */
    get: operations["get_follow_up"];
    /** Cancel a follow-up */
    delete: operations["cancel_follow_up"];
  };
  "/v1/follow-ups/{follow_up_id}/preview": {
    /** Show how a planned text would read now */
    get: operations["preview_follow_up"];
  };
  "/v1/gate/evaluations": {
    /** Ask the gate without sending anything; one question or a list */
    post: operations["ask_gate"];
  };
  "/v1/holds": {
    /** Show what limits texts to new people and the day's spending, and which limit is met */
    get: operations["list_holds"];
  };
  "/v1/holds/release": {
    /** Release texts to new people that neighbouring numbers held */
    post: operations["release_holds"];
  };
  "/v1/journeys/{follow_up_id}": {
    /** Show one follow-up's story */
    get: operations["get_journey"];
  };
  "/v1/kpis": {
    /** List figures with formula, parts, and the rows behind each */
    get: operations["list_kpis"];
  };
  "/v1/messages": {
    /** List every follow-up, the newest first, by filter */
    get: operations["list_messages"];
  };
  "/v1/numbers": {
    /** Show whether a merchant's numbers send, what waits, and what goes wrong */
    get: operations["list_numbers"];
  };
  "/v1/overview": {
    /** Show what is happening now, and the period before */
    get: operations["get_overview"];
  };
  "/v1/parked/compliance": {
    /** List events that compliance could not handle, the oldest first */
    get: operations["list_compliance_parked_events"];
  };
  "/v1/parked/compliance/discard": {
    /** Discard parked events of compliance, with a reason */
    post: operations["discard_compliance_parked_events"];
  };
  "/v1/parked/compliance/redrive": {
    /** Let compliance handle parked events again, in order */
    post: operations["redrive_compliance_parked_events"];
  };
  "/v1/parked/connectors": {
    /** List events that connectors could not handle, the oldest first */
    get: operations["list_connectors_parked_events"];
  };
  "/v1/parked/connectors/discard": {
    /** Discard parked events of connectors, with a reason */
    post: operations["discard_connectors_parked_events"];
  };
  "/v1/parked/connectors/redrive": {
    /** Let connectors handle parked events again, in order */
    post: operations["redrive_connectors_parked_events"];
  };
  "/v1/parked/ingest": {
    /** List events that ingest could not handle, the oldest first */
    get: operations["list_ingest_parked_events"];
  };
  "/v1/parked/ingest/discard": {
    /** Discard parked events of ingest, with a reason */
    post: operations["discard_ingest_parked_events"];
  };
  "/v1/parked/ingest/redrive": {
    /** Let ingest handle parked events again, in order */
    post: operations["redrive_ingest_parked_events"];
  };
  "/v1/parked/metrics": {
    /** List events that metrics could not handle, the oldest first */
    get: operations["list_metrics_parked_events"];
  };
  "/v1/parked/metrics/discard": {
    /** Discard parked events of metrics, with a reason */
    post: operations["discard_metrics_parked_events"];
  };
  "/v1/parked/metrics/redrive": {
    /** Let metrics handle parked events again, in order */
    post: operations["redrive_metrics_parked_events"];
  };
  "/v1/parked/scheduler": {
    /** List events that scheduler could not handle, the oldest first */
    get: operations["list_scheduler_parked_events"];
  };
  "/v1/parked/scheduler/discard": {
    /** Discard parked events of scheduler, with a reason */
    post: operations["discard_scheduler_parked_events"];
  };
  "/v1/parked/scheduler/redrive": {
    /** Let scheduler handle parked events again, in order */
    post: operations["redrive_scheduler_parked_events"];
  };
  "/v1/parked/sender": {
    /** List events that sender could not handle, the oldest first */
    get: operations["list_sender_parked_events"];
  };
  "/v1/parked/sender/discard": {
    /** Discard parked events of sender, with a reason */
    post: operations["discard_sender_parked_events"];
  };
  "/v1/parked/sender/redrive": {
    /** Let sender handle parked events again, in order */
    post: operations["redrive_sender_parked_events"];
  };
  "/v1/providers": {
    /** Show whether a merchant's provider accounts can be used, and what goes wrong */
    get: operations["list_providers"];
  };
  "/v1/quarantine": {
    /** List genuine deliveries that could not be read, the newest first */
    get: operations["list_quarantine"];
  };
  "/v1/quarantine/discard": {
    /** Discard deliveries that need not be read, with a reason */
    post: operations["discard_quarantine"];
  };
  "/v1/quarantine/redrive": {
    /** Read deliveries again, after the cause was mended */
    post: operations["redrive_quarantine"];
  };
  "/v1/recipients/lookup": {
    /** Look up the recipient id of a number, which stays out of the URL */
    post: operations["look_up_recipient"];
  };
  "/v1/recipients/preference-links/revoke": {
    /** Revoke every preference link of a person */
    post: operations["revoke_preference_links_by_number"];
  };
  "/v1/recipients/standing": {
    /** Show what the ledger holds about a number */
    post: operations["look_up_standing"];
  };
  "/v1/replies/unassigned": {
    /** List replies without a known recipient, the newest first */
    get: operations["list_unassigned_replies"];
  };
  "/v1/replies/unassigned/{reply_id}/assign": {
    /** Assign a reply to a person; a STOP acts at once */
    post: operations["assign_reply"];
  };
  "/v1/replies/unassigned/{reply_id}/dismiss": {
    /** Delete a reply that belongs to no one */
    post: operations["dismiss_reply"];
  };
  "/v1/saved-answers": {
    /** List the answers that are kept */
    get: operations["list_saved_answers"];
    /** Keep an answer, or replace the one of this title */
    post: operations["create_saved_answer"];
  };
  "/v1/saved-answers/{answer_id}": {
    /** Remove a kept answer */
    delete: operations["delete_saved_answer"];
  };
  "/v1/sources": {
    /** Show whether a merchant's sources bring anything, and what becomes of it */
    get: operations["list_sources"];
  };
  "/v1/standings/{recipient_id}": {
    /** Show what the ledger holds about a person, by recipient id */
    get: operations["get_standing"];
  };
  "/v1/standings/{recipient_id}/consent": {
    /** Record a consent that the shop witnessed, by recipient id */
    post: operations["record_witnessed_consent"];
  };
  "/v1/standings/{recipient_id}/erasure": {
    /** Forget a person, in every service, by recipient id */
    post: operations["erase_person"];
  };
  "/v1/standings/{recipient_id}/export": {
    /** Collect everything held about a person, by recipient id */
    post: operations["export_person"];
  };
  "/v1/standings/{recipient_id}/opt-out": {
    /** Opt a person out, by recipient id */
    post: operations["opt_out_person"];
  };
  "/v1/standings/{recipient_id}/preference-links/revoke": {
    /** Revoke every preference link of a person, by recipient id */
    post: operations["revoke_preference_links"];
  };
  "/v1/timelines/{recipient_id}": {
    /** Show what happened to a person */
    get: operations["get_timeline"];
  };
  "/v1/trial-events": {
    /** Let something happen to a phone of the shop's own */
    post: operations["create_trial_event"];
  };
}

export interface operations {
  list_approvals: {
    parameters: { query?: { state?: "open" | "all"; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ApprovalPage } };
      default: Refusal;
    };
  };
  answer_as_second_person: {
    parameters: { query?: never; header?: never; path: { approval_id: string }; cookie?: never };
    requestBody: { content: { "application/json": AnswerRequest } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ApprovalAnswer } };
      default: Refusal;
    };
  };
  list_compliance_audit: {
    parameters: { query?: { since?: string | null; until?: string | null; limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditPage } };
      default: Refusal;
    };
  };
  list_compliance_audit_days: {
    parameters: { query?: { limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditDays } };
      default: Refusal;
    };
  };
  get_compliance_audit_day: {
    parameters: { query?: { start?: number; limit?: number; everything?: boolean }; header?: never; path: { day: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditChain } };
      default: Refusal;
    };
  };
  list_connectors_audit: {
    parameters: { query?: { since?: string | null; until?: string | null; limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditPage } };
      default: Refusal;
    };
  };
  list_connectors_audit_days: {
    parameters: { query?: { limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditDays } };
      default: Refusal;
    };
  };
  get_connectors_audit_day: {
    parameters: { query?: { start?: number; limit?: number; everything?: boolean }; header?: never; path: { day: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditChain } };
      default: Refusal;
    };
  };
  list_console_audit: {
    parameters: { query?: { since?: string | null; until?: string | null; limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditPage } };
      default: Refusal;
    };
  };
  list_console_audit_days: {
    parameters: { query?: { limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditDays } };
      default: Refusal;
    };
  };
  get_console_audit_day: {
    parameters: { query?: { start?: number; limit?: number; everything?: boolean }; header?: never; path: { day: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditChain } };
      default: Refusal;
    };
  };
  list_ingest_audit: {
    parameters: { query?: { since?: string | null; until?: string | null; limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditPage } };
      default: Refusal;
    };
  };
  list_ingest_audit_days: {
    parameters: { query?: { limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditDays } };
      default: Refusal;
    };
  };
  get_ingest_audit_day: {
    parameters: { query?: { start?: number; limit?: number; everything?: boolean }; header?: never; path: { day: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditChain } };
      default: Refusal;
    };
  };
  list_metrics_audit: {
    parameters: { query?: { since?: string | null; until?: string | null; limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditPage } };
      default: Refusal;
    };
  };
  list_metrics_audit_days: {
    parameters: { query?: { limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditDays } };
      default: Refusal;
    };
  };
  get_metrics_audit_day: {
    parameters: { query?: { start?: number; limit?: number; everything?: boolean }; header?: never; path: { day: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditChain } };
      default: Refusal;
    };
  };
  list_scheduler_audit: {
    parameters: { query?: { since?: string | null; until?: string | null; limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditPage } };
      default: Refusal;
    };
  };
  list_scheduler_audit_days: {
    parameters: { query?: { limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditDays } };
      default: Refusal;
    };
  };
  get_scheduler_audit_day: {
    parameters: { query?: { start?: number; limit?: number; everything?: boolean }; header?: never; path: { day: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditChain } };
      default: Refusal;
    };
  };
  list_sender_audit: {
    parameters: { query?: { since?: string | null; until?: string | null; limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditPage } };
      default: Refusal;
    };
  };
  list_sender_audit_days: {
    parameters: { query?: { limit?: number; cursor?: string | null; everything?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditDays } };
      default: Refusal;
    };
  };
  get_sender_audit_day: {
    parameters: { query?: { start?: number; limit?: number; everything?: boolean }; header?: never; path: { day: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": AuditChain } };
      default: Refusal;
    };
  };
  record_consent: {
    parameters: { query?: never; header?: { "idempotency-key"?: string | null }; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ConsentBody } };
    responses: {
      201: { headers: { [name: string]: unknown }; content: { "application/json": LedgerAnswer } };
      default: Refusal;
    };
  };
  list_consents: {
    parameters: { query?: { act?: ConsentAct | null; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": LedgerPage } };
      default: Refusal;
    };
  };
  import_consents: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ImportBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ImportAnswer } };
      default: Refusal;
    };
  };
  record_withdrawal: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": RevocationBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": LedgerAnswer } };
      default: Refusal;
    };
  };
  verify_consents: {
    parameters: { query?: { from?: string | null; to?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": CheckedDays } };
      default: Refusal;
    };
  };
  get_contact: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": MaskedContactAnswer } };
      default: Refusal;
    };
  };
  reveal_contact: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ClearContactAnswer } };
      default: Refusal;
    };
  };
  pause_stop_or_resume: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ControlRequest } };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": ControlsChanged } };
      default: Refusal;
    };
  };
  list_controls: {
    parameters: { query?: { state?: "in_force" | "all"; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ControlPage } };
      default: Refusal;
    };
  };
  list_conversations: {
    parameters: { query?: { state?: InboxFilter; assigned_to?: string | null; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": InboxPage } };
      default: Refusal;
    };
  };
  count_conversations: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": InboxCounts } };
      default: Refusal;
    };
  };
  get_conversation: {
    parameters: { query?: { limit?: number; cursor?: string | null }; header?: never; path: { recipient_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ThreadView } };
      default: Refusal;
    };
  };
  assign_conversation: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    requestBody: { content: { "application/json": AssigneeBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ConversationView } };
      default: Refusal;
    };
  };
  close_conversation: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    requestBody: { content: { "application/json": SeenBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ConversationView } };
      default: Refusal;
    };
  };
  mark_conversation_read: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    requestBody: { content: { "application/json": SeenBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ConversationView } };
      default: Refusal;
    };
  };
  decide_unclear_reply: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    requestBody: { content: { "application/json": ReviewBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ConversationView } };
      default: Refusal;
    };
  };
  list_decisions: {
    parameters: { query?: never; header?: never; path: { follow_up_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": Record<string, unknown> } };
      default: Refusal;
    };
  };
  list_deliveries: {
    parameters: { query?: { state?: DeliveryFilter; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": DeliveryPage } };
      default: Refusal;
    };
  };
  discard_delivery: {
    parameters: { query?: never; header?: never; path: { delivery_id: string }; cookie?: never };
    requestBody: { content: { "application/json": DiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": DeliveryView } };
      default: Refusal;
    };
  };
  redrive_delivery: {
    parameters: { query?: never; header?: never; path: { delivery_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": DeliveryView } };
      default: Refusal;
    };
  };
  list_unknown_texts: {
    parameters: { query?: { limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": UnknownTextPage } };
      default: Refusal;
    };
  };
  get_dispatch: {
    parameters: { query?: { text?: boolean }; header?: never; path: { follow_up_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": DispatchView } };
      default: Refusal;
    };
  };
  resolve_unknown_text: {
    parameters: { query?: never; header?: never; path: { follow_up_id: string }; cookie?: never };
    requestBody: { content: { "application/json": ResolutionBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ResolutionAnswer } };
      default: Refusal;
    };
  };
  list_endpoints: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": EndpointList } };
      default: Refusal;
    };
  };
  test_endpoint: {
    parameters: { query?: never; header?: never; path: { name: string }; cookie?: never };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": DeliveryView } };
      default: Refusal;
    };
  };
  list_enrollments: {
    parameters: { query?: { flow?: string | null; state?: string | null; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": RunPage } };
      default: Refusal;
    };
  };
  erase_person_by_number: {
    parameters: { query?: never; header?: { "Idempotency-Key"?: string | null }; path?: never; cookie?: never };
    requestBody: { content: { "application/json": StandingBody } };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": RightsRequestTaken } };
      default: Refusal;
    };
  };
  list_erasures: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ErasuresAnswer } };
      default: Refusal;
    };
  };
  get_erasure: {
    parameters: { query?: never; header?: never; path: { request_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": CertificateAnswer } };
      default: Refusal;
    };
  };
  report_events: {
    parameters: { query?: never; header?: { "idempotency-key"?: string | null }; path?: never; cookie?: never };
    requestBody: { content: { "application/json": EventBody | EventBody[] } };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": EventsAnswer } };
      default: Refusal;
    };
  };
  export_person_by_number: {
    parameters: { query?: never; header?: { "Idempotency-Key"?: string | null }; path?: never; cookie?: never };
    requestBody: { content: { "application/json": StandingBody } };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": RightsRequestTaken } };
      default: Refusal;
    };
  };
  list_exports: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ExportsAnswer } };
      default: Refusal;
    };
  };
  get_export: {
    parameters: { query?: never; header?: never; path: { request_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": CopyAnswer } };
      default: Refusal;
    };
  };
  list_facts: {
    parameters: { query?: { from?: string | null; to?: string | null; measure?: Measure | null; detail?: string | null; flow?: string | null; day?: string | null; hour?: string | null; weekday?: string | null; segment?: string | null; number?: string | null; provider?: string | null; version?: string | null; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FactsAnswer } };
      default: Refusal;
    };
  };
  list_flow_figures: {
    parameters: { query?: { from?: string | null; to?: string | null; flow?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowFiguresPage } };
      default: Refusal;
    };
  };
  list_flows: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowList } };
      default: Refusal;
    };
  };
  get_flow: {
    parameters: { query?: never; header?: never; path: { flow: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowStory } };
      default: Refusal;
    };
  };
  check_flow: {
    parameters: { query?: never; header?: never; path: { flow: string }; cookie?: never };
    requestBody: { content: { "application/json": FlowDraft } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowCheckAnswer } };
      default: Refusal;
    };
  };
  get_flow_file: {
    parameters: { query?: never; header?: never; path: { flow: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowFileAnswer } };
      default: Refusal;
    };
  };
  save_flow_file: {
    parameters: { query?: never; header?: { "If-Match"?: string | null; "If-None-Match"?: string | null }; path: { flow: string }; cookie?: never };
    requestBody: { content: { "application/json": FlowDraft } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowSavedAnswer } };
      default: Refusal;
    };
  };
  delete_flow_file: {
    parameters: { query?: never; header?: { "If-Match"?: string | null }; path: { flow: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowDeletedAnswer } };
      default: Refusal;
    };
  };
  create_flow_test: {
    parameters: { query?: never; header?: { "Idempotency-Key"?: string | null }; path: { flow: string }; cookie?: never };
    requestBody: { content: { "application/json": OwnPhoneBody } };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": PlannedAnswer } };
      default: Refusal;
    };
  };
  list_flow_versions: {
    parameters: { query?: never; header?: never; path: { flow: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FlowVersionList } };
      default: Refusal;
    };
  };
  enqueue_follow_up: {
    parameters: { query?: never; header?: { "Idempotency-Key"?: string | null }; path?: never; cookie?: never };
    requestBody: { content: { "application/json": FollowUpRequest } };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": PlannedAnswer | DryRunAnswer } };
      default: Refusal;
    };
  };
  list_follow_ups: {
    parameters: { query?: { subject?: string | null; state?: FollowUpState | null; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FollowUpPage } };
      default: Refusal;
    };
  };
  cancel_follow_ups: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": CancelRequest } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": CancelAnswer } };
      default: Refusal;
    };
  };
  search_follow_ups: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": SearchRequest } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FollowUpPage } };
      default: Refusal;
    };
  };
  get_follow_up: {
    parameters: { query?: never; header?: never; path: { follow_up_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": FollowUpStory } };
      default: Refusal;
    };
  };
  cancel_follow_up: {
    parameters: { query?: never; header?: never; path: { follow_up_id: string }; cookie?: never };
    responses: {
      202: { headers: { [name: string]: unknown }; content?: never };
      204: { headers: { [name: string]: unknown }; content?: never };
      default: Refusal;
    };
  };
  preview_follow_up: {
    parameters: { query?: never; header?: never; path: { follow_up_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": PreviewAnswer } };
      default: Refusal;
    };
  };
  ask_gate: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": Record<string, unknown> | (Record<string, unknown>)[] } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": unknown } };
      default: Refusal;
    };
  };
  list_holds: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": Record<string, unknown> } };
      default: Refusal;
    };
  };
  release_holds: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": Record<string, unknown> } };
      default: Refusal;
    };
  };
  get_journey: {
    parameters: { query?: never; header?: never; path: { follow_up_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": JourneyAnswer } };
      default: Refusal;
    };
  };
  list_kpis: {
    parameters: { query?: { from?: string | null; to?: string | null; by?: Dimension | null; cac_minor?: number | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": KPIsAnswer } };
      default: Refusal;
    };
  };
  list_messages: {
    parameters: { query?: { state?: FollowUpState | null; reason?: string | null; flow?: string | null; number?: string | null; provider?: string | null; from?: string | null; to?: string | null; recipient?: string | null; id?: string[]; limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": MessagesAnswer } };
      default: Refusal;
    };
  };
  list_numbers: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": NumberList } };
      default: Refusal;
    };
  };
  get_overview: {
    parameters: { query?: { span?: OverviewPeriod }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": OverviewAnswer } };
      default: Refusal;
    };
  };
  list_compliance_parked_events: {
    parameters: { query?: { limit?: number; cursor?: number; of_no_merchant?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedPage } };
      default: Refusal;
    };
  };
  discard_compliance_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedDiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedDiscarded } };
      default: Refusal;
    };
  };
  redrive_compliance_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedRedriveBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedRedriveAnswer } };
      default: Refusal;
    };
  };
  list_connectors_parked_events: {
    parameters: { query?: { limit?: number; cursor?: number; of_no_merchant?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedPage } };
      default: Refusal;
    };
  };
  discard_connectors_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedDiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedDiscarded } };
      default: Refusal;
    };
  };
  redrive_connectors_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedRedriveBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedRedriveAnswer } };
      default: Refusal;
    };
  };
  list_ingest_parked_events: {
    parameters: { query?: { limit?: number; cursor?: number; of_no_merchant?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedPage } };
      default: Refusal;
    };
  };
  discard_ingest_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedDiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedDiscarded } };
      default: Refusal;
    };
  };
  redrive_ingest_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedRedriveBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedRedriveAnswer } };
      default: Refusal;
    };
  };
  list_metrics_parked_events: {
    parameters: { query?: { limit?: number; cursor?: number; of_no_merchant?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedPage } };
      default: Refusal;
    };
  };
  discard_metrics_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedDiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedDiscarded } };
      default: Refusal;
    };
  };
  redrive_metrics_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedRedriveBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedRedriveAnswer } };
      default: Refusal;
    };
  };
  list_scheduler_parked_events: {
    parameters: { query?: { limit?: number; cursor?: number; of_no_merchant?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedPage } };
      default: Refusal;
    };
  };
  discard_scheduler_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedDiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedDiscarded } };
      default: Refusal;
    };
  };
  redrive_scheduler_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedRedriveBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedRedriveAnswer } };
      default: Refusal;
    };
  };
  list_sender_parked_events: {
    parameters: { query?: { limit?: number; cursor?: number; of_no_merchant?: boolean }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedPage } };
      default: Refusal;
    };
  };
  discard_sender_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedDiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedDiscarded } };
      default: Refusal;
    };
  };
  redrive_sender_parked_events: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": ParkedRedriveBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ParkedRedriveAnswer } };
      default: Refusal;
    };
  };
  list_providers: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": ProviderList } };
      default: Refusal;
    };
  };
  list_quarantine: {
    parameters: { query?: { limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": QuarantinePage } };
      default: Refusal;
    };
  };
  discard_quarantine: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": QuarantineDiscardBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": QuarantineDiscarded } };
      default: Refusal;
    };
  };
  redrive_quarantine: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": RedriveBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": RedriveAnswer } };
      default: Refusal;
    };
  };
  look_up_recipient: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": LookupRequest } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": LookupAnswer } };
      default: Refusal;
    };
  };
  revoke_preference_links_by_number: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": StandingBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": Record<string, unknown> } };
      default: Refusal;
    };
  };
  look_up_standing: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": StandingBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": Record<string, unknown> } };
      default: Refusal;
    };
  };
  list_unassigned_replies: {
    parameters: { query?: { limit?: number; cursor?: string | null }; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": UnassignedPage } };
      default: Refusal;
    };
  };
  assign_reply: {
    parameters: { query?: never; header?: never; path: { reply_id: string }; cookie?: never };
    requestBody: { content: { "application/json": AssignmentBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": Assigned } };
      default: Refusal;
    };
  };
  dismiss_reply: {
    parameters: { query?: never; header?: never; path: { reply_id: string }; cookie?: never };
    requestBody: { content: { "application/json": Dismissal } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": Dismissed } };
      default: Refusal;
    };
  };
  list_saved_answers: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": SavedAnswerList } };
      default: Refusal;
    };
  };
  create_saved_answer: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": SavedAnswerBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": SavedAnswerView } };
      default: Refusal;
    };
  };
  delete_saved_answer: {
    parameters: { query?: never; header?: never; path: { answer_id: string }; cookie?: never };
    responses: {
      204: { headers: { [name: string]: unknown }; content?: never };
      default: Refusal;
    };
  };
  list_sources: {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": SourceList } };
      default: Refusal;
    };
  };
  get_standing: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": PersonStandingAnswer } };
      default: Refusal;
    };
  };
  record_witnessed_consent: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    requestBody: { content: { "application/json": GivenConsentBody } };
    responses: {
      201: { headers: { [name: string]: unknown }; content: { "application/json": LedgerAnswer } };
      default: Refusal;
    };
  };
  erase_person: {
    parameters: { query?: never; header?: { "Idempotency-Key"?: string | null }; path: { recipient_id: string }; cookie?: never };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": RightsRequestTaken } };
      default: Refusal;
    };
  };
  export_person: {
    parameters: { query?: never; header?: { "Idempotency-Key"?: string | null }; path: { recipient_id: string }; cookie?: never };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": RightsRequestTaken } };
      default: Refusal;
    };
  };
  opt_out_person: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    requestBody: { content: { "application/json": OptOutBody } };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": LedgerAnswer } };
      default: Refusal;
    };
  };
  revoke_preference_links: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": RevokedLinksAnswer } };
      default: Refusal;
    };
  };
  get_timeline: {
    parameters: { query?: never; header?: never; path: { recipient_id: string }; cookie?: never };
    responses: {
      200: { headers: { [name: string]: unknown }; content: { "application/json": TimelineAnswer } };
      default: Refusal;
    };
  };
  create_trial_event: {
    parameters: { query?: never; header?: { "Idempotency-Key"?: string | null }; path?: never; cookie?: never };
    requestBody: { content: { "application/json": TrialEventBody } };
    responses: {
      202: { headers: { [name: string]: unknown }; content: { "application/json": unknown } };
      default: Refusal;
    };
  };
}
