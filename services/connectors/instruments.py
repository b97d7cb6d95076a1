"""Metrics of connectors."""

from shared.telemetry.metrics import counter, gauge, histogram

ATTEMPTS = counter(
    "followup_notification_attempts_total",
    "Notifications handed to an endpoint, by channel (webhook, mail) and outcome: delivered, retried, dead.",
    ["channel", "outcome"],
)
SECONDS = histogram(
    "followup_notification_call_seconds", "Seconds one call of an endpoint took, by channel.", ["channel"]
)
LAG_SECONDS = histogram(
    "followup_notification_lag_seconds",
    "Seconds from the event to the endpoint's answer, of notifications delivered at the first attempt.",
)
ENDPOINTS_FAILING = gauge(
    "followup_notification_endpoints_failing",
    "Endpoints of merchants that failed several times in a row and are called less often.",
)
