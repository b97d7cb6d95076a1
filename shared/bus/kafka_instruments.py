"""What the readers and the relay of a Kafka log count."""

from shared.telemetry.metrics import counter, gauge

LAG = gauge("followup_consumer_lag_events", "Events in the log that this process has yet to read.", ["service"])
ASSIGNED = gauge("followup_consumer_partitions", "Partitions this process reads.", ["service"])
FOREIGN = counter("followup_log_foreign_records_total", "Records that are not events of ours; skipped.", ["service"])
LOST = counter("followup_log_lost_events_total", "Events that retention removed before they were read.", ["service"])
ACKNOWLEDGED_LOST = counter(
    "followup_log_acknowledged_lost_total",
    "Events that brokers lost after they had acknowledged them; the service relays its last minutes again.",
    ["service"],
)
ROWS = gauge(
    "followup_outbox_rows", "Events of the service that the log has yet to take, counted up to the limit.", ["service"]
)
WAITING = gauge(
    "followup_outbox_oldest_seconds",
    "How long at least the oldest event of the outbox has waited for the log to take it.",
    ["service"],
)
RELAYED = counter("followup_outbox_relayed_total", "Events taken from the outbox into the log.", ["service"])
RELAYING = gauge("followup_outbox_relay_active", "1 while this process is its service's relay.", ["service"])
MARKED = counter("followup_outbox_marks_total", "Marks that a relay has said: so far the log is complete.", ["service"])
