"""Each alert fires when it should and is silent when it should be, checked with promtool."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy.documents import DEPLOY
from tests.deploy.programs import run
from tests.deploy.promtool import promtool, prove
from tools.dashboards.alerts import ALERTS

pytestmark = pytest.mark.connected

UP = 'up{job="followup", instance="sender"}'
LAG = 'followup_consumer_lag_events{service="sender"}'
HANDLED = 'followup_log_passed_total{service="sender"}'
WRITER = 'followup_database_writer_seconds_total{instance="a"}'
UNKNOWN = 'followup_dispatch_attempts_total{provider="twilio", outcome="unknown"}'
ACCEPTED = 'followup_dispatch_attempts_total{provider="twilio", outcome="accepted"}'
BORN = "_x35 1x5"
"""A series that did not exist, and then is 1: the first event of its kind."""
OLD = "3x40"


def late(metric: str, seconds: str) -> dict[str, str]:
    """Return a histogram all of whose observations lie in the bucket that ends at so many seconds."""
    edges = ["0.5", "30", "60", "+Inf"]
    return {
        f'{metric}_bucket{{le="{edge}"}}': "0+10x40" if position >= edges.index(seconds) else "0x40"
        for position, edge in enumerate(edges)
    }


FIRES: Mapping[str, Mapping[str, str]] = {
    "FollowupProcessDown": {UP: "1x30 0x10"},
    "FollowupNoProcess": {'up{job="other"}': "1x40"},
    "FollowupConsumerHalted": {'followup_consumer_halted{service="sender"}': "0x38 1x2"},
    "FollowupLoopFailing": {'followup_loop_failures_in_a_row{loop="timers"}': "0x30 5x10"},
    "FollowupTaskEnded": {'followup_tasks_ended_total{task="scheduler:fire"}': BORN},
    "FollowupMerchantFilesBroken": {"followup_merchant_files_broken": "1x40"},
    "FollowupClicksLost": {"followup_clicks_lost_total": "0x35 1x5"},
    "FollowupWriterBusy": {WRITER: "0+57x40"},
    "FollowupEventsParked": {'followup_events_parked_total{service="sender"}': BORN},
    "FollowupConsumerStalled": {LAG: "5x40", HANDLED: "7x40"},
    "FollowupConsumerBehind": {LAG: "20000x40"},
    "FollowupNoPartitions": {'followup_consumer_partitions{service="sender"}': "6x20 0x20"},
    "FollowupNoRelay": {
        'followup_consumer_partitions{service="sender"}': "12x40",
        'followup_outbox_relay_active{service="sender"}': "1x20 0x20",
    },
    "FollowupOutboxGrows": {'followup_outbox_rows{service="ingest"}': "200000x40"},
    "FollowupEventsLost": {'followup_log_lost_events_total{service="sender"}': BORN},
    "FollowupAcknowledgedLost": {'followup_log_acknowledged_lost_total{service="sender"}': BORN},
    "FollowupForeignRecords": {'followup_log_foreign_records_total{service="sender"}': BORN},
    "FollowupDoubleDetected": {"followup_doubles_detected_total": "0x38 1x2"},
    "FollowupSenderAlarm": {'followup_sender_alarms_total{kind="filtered"}': BORN},
    "FollowupClocksApart": {"followup_database_clock_skew_seconds": "0x30 31x10"},
    "FollowupNumberHalted": {'followup_sender_numbers_held{state="halted"}': "0x38 1x2"},
    "FollowupNumberPaused": {'followup_sender_numbers_held{state="open"}': "1x40"},
    "FollowupUnknownsStay": {"followup_dispatches_unresolved": "2x40"},
    "FollowupManyUnknowns": {UNKNOWN: "0+6x40", ACCEPTED: "0+60x40"},
    "FollowupReleasesUnanswered": {"followup_unanswered_releases": "3x40"},
    "FollowupTimersLate": late("followup_timer_lag_seconds", "60"),
    "FollowupReleaseWaits": {"followup_source_lag_seconds": "60x40"},
    "FollowupOptOutSlow": late("followup_revocation_seconds", "60"),
    "FollowupCallbacksRejected": {'followup_callbacks_rejected_total{door="replies"}': "0+1x40"},
    "FollowupRulesUnreadable": {
        'followup_verdicts_total{decision="block", reason="rules_unreadable", purpose="marketing"}': BORN
    },
    "FollowupRulesStale": {"followup_rules_age_seconds": f"{181 * 86400}x40"},
    "FollowupQuotaExceeded": {'followup_quota_refused_total{door="/v1/events", quota="events"}': "0+1x40"},
    "FollowupWebhooksRefused": {'followup_ingest_deliveries_total{source="shopify", outcome="refused"}': "0+1x40"},
    "FollowupWebhooksQuarantined": {'followup_ingest_quarantined_total{source="shopify", reason="not_json"}': BORN},
    "FollowupNeighbouringNumbers": {"followup_neighbouring_numbers_total": "0x35 1x5"},
    "FollowupNewPeopleWait": {'followup_new_people_waits_total{bound="hour"}': BORN},
    "FollowupOverBudget": {'followup_over_budget_total{effect="goes"}': BORN},
    "FollowupNotificationsFailing": {"followup_notification_endpoints_failing": "1x40"},
    "FollowupWebhookIdsReused": {'followup_ingest_ids_reused_total{source="shopify"}': BORN},
}
SILENT: Mapping[str, Mapping[str, str]] = {
    "FollowupProcessDown": {UP: "1x38 0 1"},
    "FollowupNoProcess": {UP: "0x40"},
    "FollowupConsumerHalted": {'followup_consumer_halted{service="sender"}': "0x40"},
    "FollowupLoopFailing": {'followup_loop_failures_in_a_row{loop="timers"}': "0x30 9 0x9"},
    "FollowupTaskEnded": {'followup_tasks_ended_total{task="scheduler:fire"}': OLD},
    "FollowupMerchantFilesBroken": {"followup_merchant_files_broken": "1x30 0x10"},
    "FollowupClicksLost": {"followup_clicks_lost_total": OLD},
    "FollowupWriterBusy": {WRITER: "0+57x40", 'followup_consumer_partitions{service="sender", instance="a"}': "6x40"},
    "FollowupEventsParked": {'followup_events_parked_total{service="sender"}': OLD},
    "FollowupConsumerStalled": {LAG: "5x40", HANDLED: "0+10x40"},
    "FollowupConsumerBehind": {LAG: "9000x40"},
    "FollowupNoPartitions": {
        'followup_consumer_partitions{service="sender", instance="a"}': "0x40",
        'followup_consumer_partitions{service="sender", instance="b"}': "12x40",
    },
    "FollowupNoRelay": {
        'followup_consumer_partitions{service="sender", instance="a"}': "12x40",
        'followup_outbox_relay_active{service="sender", instance="a"}': "0x40",
        'followup_outbox_relay_active{service="sender", instance="b"}': "1x40",
    },
    "FollowupOutboxGrows": {
        'followup_outbox_rows{service="ingest", instance="a"}': "90000x40",
        'followup_outbox_rows{service="ingest", instance="b"}': "90000x40",
    },
    "FollowupEventsLost": {'followup_log_lost_events_total{service="sender"}': OLD},
    "FollowupAcknowledgedLost": {'followup_log_acknowledged_lost_total{service="sender"}': OLD},
    "FollowupForeignRecords": {'followup_log_foreign_records_total{service="sender"}': OLD},
    "FollowupDoubleDetected": {"followup_doubles_detected_total": OLD},
    "FollowupSenderAlarm": {'followup_sender_alarms_total{kind="double"}': BORN},
    "FollowupClocksApart": {"followup_database_clock_skew_seconds": "29x40"},
    "FollowupNumberHalted": {'followup_sender_numbers_held{state="open"}': "1x40"},
    "FollowupNumberPaused": {'followup_sender_numbers_held{state="open"}': "0x35 1x5"},
    "FollowupUnknownsStay": {"followup_dispatches_unresolved": "2x20 0 2x19"},
    "FollowupManyUnknowns": {UNKNOWN: "0+1x40", ACCEPTED: "0+60x40"},
    "FollowupReleasesUnanswered": {"followup_unanswered_releases": "0x35 3x5"},
    "FollowupTimersLate": late("followup_timer_lag_seconds", "30"),
    "FollowupReleaseWaits": {"followup_release_waits_for_triggers": "1x38 0 1"},
    "FollowupOptOutSlow": late("followup_revocation_seconds", "0.5"),
    "FollowupCallbacksRejected": {'followup_callbacks_rejected_total{door="replies"}': "0x35 1+1x5"},
    "FollowupRulesUnreadable": {
        'followup_verdicts_total{decision="block", reason="no_consent", purpose="marketing"}': "0+60x40"
    },
    "FollowupRulesStale": {"followup_rules_age_seconds": f"{179 * 86400}x40"},
    "FollowupQuotaExceeded": {'followup_quota_refused_total{door="/v1/events", quota="events"}': "0x35 1+1x5"},
    "FollowupWebhooksRefused": {'followup_ingest_deliveries_total{source="shopify", outcome="accepted"}': "0+60x40"},
    "FollowupWebhooksQuarantined": {'followup_ingest_quarantined_total{source="shopify", reason="not_json"}': OLD},
    "FollowupNeighbouringNumbers": {"followup_neighbouring_numbers_total": OLD},
    "FollowupNewPeopleWait": {'followup_new_people_waits_total{bound="hour"}': OLD},
    "FollowupOverBudget": {'followup_over_budget_total{effect="goes"}': OLD},
    "FollowupNotificationsFailing": {"followup_notification_endpoints_failing": "1x20 0x20"},
    "FollowupWebhookIdsReused": {'followup_ingest_ids_reused_total{source="shopify"}': OLD},
}


def firing(alert: str) -> str:
    """Return the query that counts what an alert reports."""
    return f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'


def test_prometheus_accepts_the_rules_and_the_configuration() -> None:
    run(promtool(), "check", "rules", str(DEPLOY / "prometheus" / "alerts.yml"))
    run(promtool(), "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))


def test_every_alert_is_tried() -> None:
    assert list(FIRES) == list(SILENT) == [alert.name for alert in ALERTS]


def test_every_alert_fires_on_its_trouble(tmp_path: Path) -> None:
    prove(tmp_path, [(series, {firing(name): 1}) for name, series in FIRES.items()])


def test_no_alert_fires_on_what_only_resembles_it(tmp_path: Path) -> None:
    prove(tmp_path, [(series, {firing(name): None}) for name, series in SILENT.items()])


def test_a_parked_event_is_reported_the_first_time_and_again(tmp_path: Path) -> None:
    series = 'followup_events_parked_total{service="sender"}'
    query = firing("FollowupEventsParked")
    prove(
        tmp_path,
        [({series: BORN}, {query: 1}), ({series: "3x35 4x5"}, {query: 1}), ({series: "3x10 4x30"}, {query: None})],
    )
