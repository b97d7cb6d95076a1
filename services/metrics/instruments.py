"""Metrics of the metrics service."""

from shared.telemetry.metrics import counter, histogram

RECORDED = counter("followup_facts_recorded_total", "Facts stored, each once.", ["topic"])
REPEATED = counter("followup_facts_repeated_total", "Repeated facts, which changed nothing.")
LATE = counter("followup_facts_late_total", "Facts that changed the sums of a past hour.", ["topic"])
RETOLD = counter("followup_facts_retold_total", "Follow-ups counted again because an earlier fact arrived late.")
LAG = histogram("followup_facts_lag_seconds", "Age of the oldest fact of a unit of work when it was stored.")
