"""Metrics of short links."""

from shared.telemetry.metrics import counter

VISITS = counter(
    "followup_link_visits_total",
    "Visits to short links that exist: person, or the reason for counting it as a robot.",
    ["visitor"],
)
DEAD_LINKS = counter(
    "followup_link_visits_dead_total",
    "Requests for short links without a target: unknown, expired, erased, or unavailable now.",
    ["cause"],
)
LOST_CLICKS = counter(
    "followup_clicks_lost_total",
    "Visits that were redirected but not recorded: the database did not commit in time.",
)
