"""What every consumer counts."""

from shared.telemetry.metrics import COUNT_BUCKETS, counter, gauge, histogram

HANDLED = counter("followup_events_handled_total", "Events handled and committed.", ["service"])
PASSED = counter("followup_log_passed_total", "Offsets of the log read past, whatever they hold.", ["service"])
UNIT_EVENTS = histogram("followup_unit_events", "Events in one unit of work.", ["service"], COUNT_BUCKETS)
PARKED = counter("followup_events_parked_total", "Events parked, waiting for a redrive.", ["service"])
FENCED = counter(
    "followup_consumer_fenced_total", "Units rolled back: another process moved the position.", ["service"]
)
HALTED = gauge(
    "followup_consumer_halted", "1 while a consumer stopped because the events of many merchants fail.", ["service"]
)
UNREAD = gauge("followup_unread_recipients", "Recipients with unread events in the log.", ["service"])
LONGEST_LAG_SECONDS = 3600.0
SOURCE_LAG = gauge(
    "followup_source_lag_seconds",
    "For how long a publisher's committed events may not have been in the log; 3600 stands for longer and unknown.",
    ["service"],
)
