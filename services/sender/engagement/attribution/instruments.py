"""Metrics of attribution."""

from shared.telemetry.metrics import counter

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
