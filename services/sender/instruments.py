"""Metrics of the sender."""

from shared.telemetry.metrics import COUNT_BUCKETS, SECONDS_BUCKETS, counter, gauge, histogram

ATTEMPTS = counter("followup_dispatch_attempts_total", "Provider calls by outcome.", ["provider", "outcome"])
CALL_SECONDS = histogram("followup_provider_call_seconds", "Length of provider calls.", ["provider"], SECONDS_BUCKETS)
INTENT_TEXTS = histogram("followup_intent_group_texts", "Intents in one commit.", (), COUNT_BUCKETS)
DECISIONS = counter(
    "followup_intent_decisions_total", "Queued texts by the last decision before the call.", ["decision"]
)
QUEUE_SECONDS = histogram("followup_dispatch_queue_seconds", "From ready to the intent's commit.", (), SECONDS_BUCKETS)
CALLS_UNDER_WAY = gauge("followup_provider_calls_under_way", "Provider calls without an answer yet.")
NUMBERS_HELD = gauge("followup_sender_numbers_held", "Sender numbers that may not call now.", ["state"])
UNRESOLVED = gauge("followup_dispatches_unresolved", "Attempts without a known outcome, being reconciled.")
RECONCILED = counter("followup_reconciled_total", "Calls without an answer, by finding of their look-up.", ["finding"])
RECEIPTS = counter("followup_receipts_total", "Delivery receipts by status.", ["provider", "status"])
QUESTIONS = counter(
    "followup_status_questions_total",
    "Status queries for texts without a final receipt, by answer: delivered, undelivered, failed, accepted or sent "
    "(not final), not_found, silent.",
    ["provider", "answer"],
)
ACCOUNTS_RESTING = gauge(
    "followup_status_accounts_resting",
    "Provider accounts not asked for a while because a status query failed.",
)
REPLIES = counter("followup_replies_total", "Replies by class.", ["reply_class"])
MISSED_REPLIES = counter(
    "followup_replies_missed_total",
    "Replies that the provider did not deliver and that were found by listing them.",
    ["provider"],
)
REVIEWS = counter(
    "followup_replies_reviewed_total",
    "Unclear replies that somebody decided about: opt_out, or no_opt_out.",
    ["decision"],
)
CLEAR_ANSWERS = counter(
    "followup_clear_answers_total",
    "Answers of the sender's API that showed texts or numbers of people in clear.",
    ["what"],
)
REJECTED = counter("followup_callbacks_rejected_total", "Callbacks without a valid signature.", ["door"])
UNASSIGNED = counter(
    "followup_replies_unassigned_total",
    "Signed replies without a known recipient, stored sealed until someone decides about them.",
    ["reason"],
)
UNASSIGNED_SETTLED = counter(
    "followup_replies_unassigned_settled_total",
    "Unassigned replies that were assigned to a person or dismissed.",
    ["how"],
)
MISDIRECTED = counter(
    "followup_callbacks_misdirected_total",
    "Signed callbacks refused: they name a number that this provider of this merchant does not have, or no text.",
    ["door"],
)
ALARMS = counter(
    "followup_sender_alarms_total",
    "Alarms that an operator must look at: double, contradiction, late_proof, config, filtered and others.",
    ["kind"],
)
IN_FLIGHT_AT_STOP = counter(
    "followup_texts_in_flight_at_stop_total", "Texts already handed to a provider when an opt-out came."
)
PURCHASES = counter(
    "followup_purchases_total",
    "Purchases by the touch they are credited to: last_click, delivered, or none.",
    ["model"],
)
DEDUCTIONS = counter(
    "followup_conversion_deductions_total",
    "Refunds, cancellations and edits, by whether they changed a credit.",
    ["kind", "effect"],
)
VISITS = counter(
    "followup_link_visits_total",
    "Visits to short links that exist: person, or the reason for counting it as a robot.",
    ["visitor"],
)
DEAD_LINKS = counter(
    "followup_link_visits_dead_total",
    "Requests for short links without a target: unknown, expired, erased, or unavailable now.",
    ["cause"],
)
LOST_CLICKS = counter(
    "followup_clicks_lost_total",
    "Visits that were redirected but not recorded: the database did not commit in time.",
)
