"""What the scheduler counts."""

from shared.telemetry.metrics import COUNT_BUCKETS, SECONDS_BUCKETS, counter, gauge, histogram

PLANNED = counter("followup_planned_total", "Texts planned.", ["purpose"])
RELEASED = counter("followup_released_total", "Releases: texts handed to the gate.", ["purpose"])
ENDED = counter("followup_ended_total", "Follow-ups that reached an end.", ["state", "reason_class"])
DECLINED = counter("followup_enrolments_declined_total", "Triggers that started no run, by reason.", ["reason"])
ENROLLED = counter("followup_enrolments_total", "Runs started.")
TIMER_LAG = histogram(
    "followup_timer_lag_seconds", "From the moment a text was due to its release.", buckets=SECONDS_BUCKETS
)
CONDITION_ERRORS = counter("followup_condition_errors_total", "Conditions that had no answer.", ["where"])
HELD = counter("followup_pacing_held_total", "Texts that had to wait for their turn at their sender number.")
OVERDUE_ANSWERS = gauge("followup_unanswered_releases", "Releases that nobody answered within two minutes.")
RELEASE_WAITS = counter(
    "followup_release_waits_total", "Times a due text was put off until news was read that may cancel it.", ["reason"]
)
POSTPONED = counter(
    "followup_put_off_total", "Times a pending text was moved to keep its distance to what went before.", ["reason"]
)
LAPSES = counter("followup_lapses_total", "Clearances that ran out before the text went; it is asked about again.")
DOUBLES = counter("followup_doubles_detected_total", "Follow-ups the provider took twice. Page somebody.")
OLDEST_DUE = gauge("followup_timers_oldest_due_seconds", "How long the oldest timer that is due has been due.")
FIRED = histogram("followup_timers_fired", "Timers taken in one unit.", buckets=COUNT_BUCKETS)

_REASON_CLASSES = frozenset(
    {
        "delivered", "no_receipt", "refused", "undelivered", "suppressed", "cancelled", "expired", "proven_absent",
        "render_failed", "quiet_hours", "opted_out", "no_consent", "consent_insufficient", "consent_pending",
        "consent_expired", "message_expired", "invalid_number", "unsupported_number_type", "suppressed_number",
        "destination_prohibited",
        "destination_not_allowed", "frequency_cap", "opt_out", "api", "erased", "merchant_closed", "expire_after",
        "number_changed", "order_deleted", "past_due", "shipping_number", "condition_error",
    }
)  # fmt: skip


def reason_class(reason: str | None) -> str:
    """Return the reason as a label: from a closed set, `other` for the rest (a trigger kind may be anything)."""
    return reason if reason in _REASON_CLASSES else "other"
