"""What the sender counts."""

from shared.telemetry.metrics import COUNT_BUCKETS, SECONDS_BUCKETS, counter, gauge, histogram

ATTEMPTS = counter("followup_dispatch_attempts_total", "Provider calls by what they met.", ["provider", "outcome"])
CALL_SECONDS = histogram("followup_provider_call_seconds", "Length of provider calls.", ["provider"], SECONDS_BUCKETS)
INTENT_TEXTS = histogram("followup_intent_group_texts", "Intents in one commit.", (), COUNT_BUCKETS)
DECISIONS = counter("followup_intent_decisions_total", "Queued texts by what the checks at intent said.", ["decision"])
QUEUE_SECONDS = histogram("followup_dispatch_queue_seconds", "From ready to the intent's commit.", (), SECONDS_BUCKETS)
CALLS_UNDER_WAY = gauge("followup_provider_calls_under_way", "Provider calls without an answer yet.")
NUMBERS_HELD = gauge("followup_sender_numbers_held", "Sender numbers that may not call now.", ["state"])
UNRESOLVED = gauge("followup_dispatches_unresolved", "Attempts nobody has answered for yet: unknown, being reconciled.")
RECONCILED = counter("followup_reconciled_total", "Unanswered calls by how they ended.", ["finding"])
RECEIPTS = counter("followup_receipts_total", "Delivery receipts by status.", ["provider", "status"])
QUESTIONS = counter(
    "followup_status_questions_total",
    "Texts without a final receipt whose provider was asked, by what it said: delivered, undelivered, failed, "
    "accepted or sent (not yet), not_found, silent.",
    ["provider", "answer"],
)
ACCOUNTS_RESTING = gauge(
    "followup_status_accounts_resting", "Provider accounts that did not answer questions, and are left alone a while."
)
REPLIES = counter("followup_replies_total", "Replies by class.", ["reply_class"])
MISSED_REPLIES = counter(
    "followup_replies_missed_total",
    "Replies that no provider brought, and that were found by asking for them.",
    ["provider"],
)
REJECTED = counter("followup_callbacks_rejected_total", "Callbacks without a valid signature.", ["door"])
UNASSIGNED = counter(
    "followup_replies_unassigned_total",
    "Signed replies that belong to nobody we can find, kept sealed for somebody to look at.",
    ["reason"],
)
UNASSIGNED_SETTLED = counter(
    "followup_replies_unassigned_settled_total",
    "Replies that belonged to nobody, and were laid to a person's account or put away by somebody.",
    ["how"],
)
MISDIRECTED = counter(
    "followup_callbacks_misdirected_total",
    "Signed callbacks refused: they name a number that this provider of this merchant does not have, or no text.",
    ["door"],
)
ALARMS = counter(
    "followup_sender_alarms_total",
    "Things somebody must look at: double, contradiction, late_proof, config, filtered and the like.",
    ["kind"],
)
IN_FLIGHT_AT_STOP = counter(
    "followup_texts_in_flight_at_stop_total", "Texts handed over that an opt-out came too late to stop."
)
