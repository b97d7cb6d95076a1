"""What attribution counts."""

from shared.telemetry.metrics import counter

PURCHASES = counter(
    "followup_purchases_total",
    "Purchases looked at, by what earned them: last_click, delivered, or none.",
    ["model"],
)
DEDUCTIONS = counter(
    "followup_conversion_deductions_total",
    "Refunds and cancellations, by whether they took back credit.",
    ["kind", "effect"],
)
