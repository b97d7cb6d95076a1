"""What short links count."""

from shared.telemetry.metrics import counter

VISITS = counter(
    "followup_link_visits_total",
    "Requests for short links that lead somewhere: person, or what gave a robot away.",
    ["visitor"],
)
DEAD_LINKS = counter(
    "followup_link_visits_dead_total",
    "Requests for short links that lead nowhere: unknown, expired or erased, or not readable now.",
    ["cause"],
)
LOST_CLICKS = counter(
    "followup_clicks_lost_total",
    "Visits that were redirected but could not be recorded: the database did not take the write in time.",
)
