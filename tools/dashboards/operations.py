"""The operations dashboard: does everything run, and where is work stuck."""

from tools.dashboards.panels import Dashboard, Panel, Query, Row, quantiles, rates, single
from tools.dashboards.promql import highest, increase, mean, occurred, quantile, rate, total

_SINCE = "15m"


def _figure(title: str, expr: str, *, unit: str = "short", bad_from: float | None = None, about: str = "") -> Panel:
    """Return a single figure, four wide."""
    return Panel(title, single(expr), unit, "stat", 4, about, bad_from)


HEALTH = Row(
    "Is anything wrong?",
    [
        _figure("Processes up", total("up", job="followup"), about="Prometheus targets that answered the last scrape."),
        _figure("Consumers halted", f"{total('followup_consumer_halted')} or vector(0)", bad_from=1),
        _figure("Duplicate sends detected, 24 h", increase("followup_doubles_detected_total", over="24h"), bad_from=1),
        _figure("Unanswered releases", highest("followup_unanswered_releases"), bad_from=1),
        _figure("Unknown sends being reconciled", highest("followup_dispatches_unresolved"), bad_from=50),
        _figure(
            "Sender numbers stopped",
            f"{total('followup_sender_numbers_held')} or vector(0)",
            bad_from=1,
            about="Paused after an outage of the provider, or halted because of an account or registration fault.",
        ),
        _figure(
            "Events parked, 24 h", f"{increase('followup_events_parked_total', over='24h')} or vector(0)", bad_from=1
        ),
        _figure(
            "Sender alarms, 24 h", f"{increase('followup_sender_alarms_total', over='24h')} or vector(0)", bad_from=1
        ),
        _figure("Releases delayed by lag, s", highest("followup_source_lag_seconds"), bad_from=5),
        _figure(
            "Opt-out to ledger, p99",
            f"({quantile(0.99, 'followup_revocation_seconds', over='1h')} >= 0) or vector(0)",
            unit="s",
            bad_from=10,
        ),
        _figure(
            "Timer lag, p99",
            f"({quantile(0.99, 'followup_timer_lag_seconds')} >= 0) or vector(0)",
            unit="s",
            bad_from=5,
        ),
        _figure("Age of the rules table", highest("followup_rules_age_seconds"), unit="s", bad_from=180 * 86400),
    ],
)

ENTRY_POINTS = Row(
    "Webhooks and other HTTP entry points",
    [
        rates("Deliveries by outcome", "followup_ingest_deliveries_total", by=["outcome"], unit="reqps"),
        Panel(
            "Refused and quarantined",
            [
                Query(
                    rate("followup_ingest_deliveries_total", by=["source"], outcome="refused"), "refused: {{source}}"
                ),
                Query(rate("followup_ingest_quarantined_total", by=["source", "reason"]), "{{reason}}: {{source}}"),
                Query(rate("followup_ingest_no_recipient_total", by=["source"]), "no recipient: {{source}}"),
            ],
            "reqps",
        ),
        Panel("Body to commit", quantiles("followup_ingest_delivery_seconds"), "s"),
        rates("Callbacks without a valid signature", "followup_callbacks_rejected_total", by=["door"], unit="reqps"),
        Panel(
            "Short links",
            [
                Query(rate("followup_link_visits_total", by=["visitor"]), "{{visitor}}"),
                Query(rate("followup_link_visits_dead_total", by=["cause"]), "dead: {{cause}}"),
                Query(rate("followup_clicks_lost_total"), "not recorded"),
            ],
            "reqps",
        ),
        rates("Raw deliveries deleted by retention", "followup_ingest_purged_deliveries_total", unit="short"),
    ],
)

EVENTS = Row(
    "Events",
    [
        rates("Events handled", "followup_events_handled_total", by=["service"]),
        Panel("Consumer lag (Kafka)", single(total("followup_consumer_lag_events", by=["service"]), "{{service}}")),
        Panel(
            "Partitions read (Kafka)",
            single(total("followup_consumer_partitions", by=["service", "instance"]), "{{service}} {{instance}}"),
        ),
        Panel("Events per unit of work, mean", single(mean("followup_unit_events", by=["service"]), "{{service}}")),
        Panel(
            "Parked, fenced, halted",
            [
                Query(increase("followup_events_parked_total", by=["service"]), "parked: {{service}}"),
                Query(increase("followup_consumer_fenced_total", by=["service"]), "fenced: {{service}}"),
                Query(total("followup_consumer_halted", by=["service"]), "halted: {{service}}"),
            ],
        ),
        Panel(
            "Outbox (Kafka)",
            [
                Query(rate("followup_outbox_relayed_total", by=["service"]), "relayed per second: {{service}}"),
                Query(total("followup_outbox_relay_active", by=["service"]), "relays: {{service}}"),
                Query(highest("followup_outbox_rows", by=["service"]), "waiting: {{service}}"),
            ],
            about="There is one relay per service at any time.",
        ),
        Panel(
            "Lost and foreign records (Kafka)",
            [
                Query(increase("followup_log_lost_events_total", by=["service"]), "lost: {{service}}"),
                Query(increase("followup_log_foreign_records_total", by=["service"]), "foreign: {{service}}"),
            ],
        ),
        Panel("Age of facts when stored", quantiles("followup_facts_lag_seconds"), "s"),
        Panel("Failing loops", single(increase("followup_loop_failures_total", by=["loop"]), "{{loop}}")),
    ],
)

TIMERS = Row(
    "Timers and the gate",
    [
        Panel("Due to released", quantiles("followup_timer_lag_seconds"), "s"),
        rates("Releases", "followup_released_total", by=["purpose"]),
        Panel("Timers per unit of work, mean", single(mean("followup_timers_fired"))),
        Panel(
            "Waiting",
            [
                Query(rate("followup_pacing_held_total"), "queued at their sender number"),
                Query(highest("followup_source_lag_seconds"), "lag of incoming information, seconds"),
                Query(highest("followup_unanswered_releases"), "unanswered"),
            ],
        ),
        rates("Verdicts", "followup_verdicts_total", by=["decision"]),
        Panel("Opt-out to ledger", quantiles("followup_revocation_seconds"), "s"),
    ],
)

SENDING = Row(
    "Sending",
    [
        rates("Provider calls by outcome", "followup_dispatch_attempts_total", by=["outcome"]),
        Panel("Duration of provider calls", quantiles("followup_provider_call_seconds", by=["provider"]), "s"),
        Panel("Ready to intent", quantiles("followup_dispatch_queue_seconds"), "s"),
        Panel("Intents per commit, mean", single(mean("followup_intent_group_texts"))),
        rates("Checks at intent", "followup_intent_decisions_total", by=["decision"]),
        Panel(
            "Calls in progress and unresolved",
            [
                Query(total("followup_provider_calls_under_way"), "in progress"),
                Query(highest("followup_dispatches_unresolved"), "unresolved"),
            ],
        ),
        Panel("Unknown sends resolved", single(increase("followup_reconciled_total", by=["finding"]), "{{finding}}")),
        Panel(
            "Sender numbers stopped, by state", single(total("followup_sender_numbers_held", by=["state"]), "{{state}}")
        ),
        Panel(
            f"Alarms within {_SINCE}",
            single(occurred("followup_sender_alarms_total", by=["kind"], over=_SINCE), "{{kind}}"),
            about="Includes the first event of a series.",
        ),
    ],
)

NOTIFICATIONS = Row(
    "Notifications",
    [
        rates("Attempts by outcome", "followup_notification_attempts_total", by=["outcome"]),
        Panel("Duration of calls", quantiles("followup_notification_call_seconds"), "s"),
        Panel("Event to delivered", quantiles("followup_notification_lag_seconds"), "s"),
        Panel("Endpoints that fail", [Query(highest("followup_notification_endpoints_failing"), "failing")]),
    ],
)

DATABASE = Row(
    "Database",
    [
        Panel(
            "Units of work and commits",
            [
                Query(rate("followup_database_units_total"), "units"),
                Query(rate("followup_database_commits_total"), "commits"),
            ],
            "ops",
        ),
        rates("Rows written", "followup_database_rows_written_total", unit="wps"),
        rates("Writer utilization", "followup_database_writer_seconds_total", by=["instance"], unit="percentunit"),
        Panel(
            "Writer time per unit of work",
            single(f"{rate('followup_database_writer_seconds_total')} / {rate('followup_database_units_total')}"),
            "s",
        ),
    ],
)

OPERATIONS = Dashboard(
    "followup-operations",
    "Followup: operations",
    "Does everything run, and where is work stuck? Each alert names its runbook.",
    [HEALTH, ENTRY_POINTS, EVENTS, TIMERS, SENDING, NOTIFICATIONS, DATABASE],
)
