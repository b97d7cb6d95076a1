"""Metrics of ingest."""

from shared.telemetry.metrics import counter, histogram

DELIVERIES = counter(
    "followup_ingest_deliveries_total",
    "Deliveries by source (`unknown` for an unsupported one) and outcome: accepted, duplicate, quarantined, ignored, "
    "no_recipient, refused, over_quota.",
    ["source", "outcome"],
)
NO_RECIPIENT = counter(
    "followup_ingest_no_recipient_total", "Deliveries about a person whose number is not known.", ["source"]
)
QUARANTINED = counter(
    "followup_ingest_quarantined_total",
    "Genuine deliveries that could not be read, by reason: not_json, unknown_topic, misshapen, topic_mismatch.",
    ["source", "reason"],
)
QUARANTINE_SETTLED = counter(
    "followup_ingest_quarantine_settled_total",
    "Quarantined deliveries that were read again, by outcome, or discarded by somebody.",
    ["how"],
)
FIELDS_UNKNOWN = counter(
    "followup_ingest_fields_unknown_total",
    "Fields of genuine deliveries that could not be read and were ignored.",
    ["source"],
)
IDS_REUSED = counter(
    "followup_ingest_ids_reused_total",
    "Genuine deliveries whose id was used before with another body; each is recorded.",
    ["source"],
)
FACTS_LEFT_OUT = counter(
    "followup_ingest_facts_left_out_total", "Facts of platforms' deliveries left out because of their size.", ["source"]
)
SECONDS = histogram(
    "followup_ingest_delivery_seconds", "Seconds from receiving a genuine delivery to its commit.", ["source"]
)
PURGED = counter("followup_ingest_purged_deliveries_total", "Deliveries deleted after their retention.")
