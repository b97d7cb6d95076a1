"""What every consumer counts."""

from shared.telemetry.metrics import COUNT_BUCKETS, counter, gauge, histogram

HANDLED = counter("followup_events_handled_total", "Events handled and committed.", ["service"])
PASSED = counter("followup_log_passed_total", "Places in the log read past, whatever stands there.", ["service"])
UNIT_EVENTS = histogram("followup_unit_events", "Events in one unit of work.", ["service"], COUNT_BUCKETS)
PARKED = counter("followup_events_parked_total", "Events parked, waiting for a redrive.", ["service"])
FENCED = counter("followup_consumer_fenced_total", "Units rolled back: another process had moved on.", ["service"])
HALTED = gauge(
    "followup_consumer_halted", "1 while a consumer stopped because handlers fail for everybody.", ["service"]
)
UNREAD = gauge("followup_unread_recipients", "People about whom events lie in the log unread.", ["service"])
LONGEST_LAG_SECONDS = 3600.0
SOURCE_LAG = gauge(
    "followup_source_lag_seconds",
    "For how long a publisher's committed events may not have been in the log; 3600 stands for longer and unknown.",
    ["service"],
)
