"""The scheduler's metrics."""

from shared.telemetry.metrics import COUNT_BUCKETS, SECONDS_BUCKETS, counter, gauge, histogram

PLANNED = counter("followup_planned_total", "Follow-ups planned.", ["purpose"])
RELEASED = counter("followup_released_total", "Releases: follow-ups handed to the gate.", ["purpose"])
ENDED = counter("followup_ended_total", "Follow-ups that ended.", ["state", "reason_class"])
DECLINED = counter("followup_enrolments_declined_total", "Triggers that started no run, by reason.", ["reason"])
ENROLLED = counter("followup_enrolments_total", "Runs started.")
TIMER_LAG = histogram(
    "followup_timer_lag_seconds", "From the due time of a follow-up to its release.", buckets=SECONDS_BUCKETS
)
CONDITION_ERRORS = counter("followup_condition_errors_total", "Conditions that could not be evaluated.", ["where"])
HELD = counter("followup_pacing_held_total", "Follow-ups that were queued because their sender number was busy.")
PAUSED = counter("followup_paused_total", "Times a due follow-up was kept because a control pauses its texts.")
REMOVED_FLOWS = gauge(
    "followup_removed_flows_paused",
    "Flows that are in no file any more, whose planned texts are paused until somebody answers.",
)
OVERDUE_ANSWERS = gauge("followup_unanswered_releases", "Releases without an answer after two minutes.")
RELEASE_WAITS = counter(
    "followup_release_waits_total", "Times a due follow-up waited for unread events that may cancel it.", ["reason"]
)
POSTPONED = counter(
    "followup_put_off_total",
    "Times a pending follow-up was moved to keep its distance to what was sent before.",
    ["reason"],
)
LAPSES = counter("followup_lapses_total", "Clearances that ended before the call; the gate is asked again.")
DOUBLES = counter("followup_doubles_detected_total", "Follow-ups that the provider accepted twice; must be zero.")
OLDEST_DUE = gauge("followup_timers_oldest_due_seconds", "How long the oldest due timer has been due.")
FIRED = histogram("followup_timers_fired", "Timers claimed in one step.", buckets=COUNT_BUCKETS)

_REASON_CLASSES = frozenset(
    {
        "delivered", "no_receipt", "refused", "undelivered", "suppressed", "cancelled", "expired", "proven_absent",
        "said_sent", "said_not_sent",
        "render_failed", "quiet_hours", "opted_out", "no_consent", "consent_insufficient", "consent_pending",
        "consent_expired", "message_expired", "invalid_number", "unsupported_number_type", "suppressed_number",
        "destination_prohibited",
        "destination_not_allowed", "frequency_cap", "opt_out", "api", "erased", "merchant_closed", "expire_after",
        "texts_stopped", "too_late", "by_hand",
        "number_changed", "order_deleted", "past_due", "shipping_number", "condition_error",
    }
)  # fmt: skip


def reason_class(reason: str | None) -> str:
    """Return the reason as a label from a closed set; `other` for the rest, since a trigger kind may be any word."""
    return reason if reason in _REASON_CLASSES else "other"
