"""Alert rules: condition, urgency, and the runbook to follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tools.dashboards.promql import highest, increase, occurred, quantile, rate, ratio, total

_DAY_SECONDS = 86400


class Severity(StrEnum):
    """The urgency of an alert."""

    PAGE = "page"
    """Act now, at any hour: texts are sent wrongly or not at all, or a STOP is not processed."""
    TICKET = "ticket"
    """Act on the next working day."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: it fires while `measure` passes `bound` for long enough."""

    name: str
    measure: str
    """The query; it has a value on a healthy system too, unless `bound` is empty."""
    bound: str
    """Such as ``> 0``; empty if the query has a value only when something is wrong."""
    severity: Severity
    runbook: str
    """File in docs/runbooks/."""
    summary: str
    lasting: str = "0m"

    @property
    def expr(self) -> str:
        """The query of the rule."""
        return f"{self.measure} {self.bound}".strip()


GROUPS: dict[str, Sequence[Alert]] = {
    "followup-processes": [
        Alert(
            "FollowupProcessDown",
            'up{job="followup"}',
            "== 0",
            Severity.PAGE,
            "process-down.md",
            "{{ $labels.instance }} does not respond",
            "2m",
        ),
        Alert(
            "FollowupNoProcess",
            'absent(up{job="followup"})',
            "",
            Severity.PAGE,
            "process-down.md",
            "Prometheus has no Followup process among its targets",
            "5m",
        ),
        Alert(
            "FollowupConsumerHalted",
            highest("followup_consumer_halted", by=["service"]),
            "> 0",
            Severity.PAGE,
            "consumer-halted.md",
            "{{ $labels.service }} has stopped reading events",
        ),
        Alert(
            "FollowupLoopFailing",
            highest("followup_loop_failures_in_a_row", by=["loop"]),
            "> 4",
            Severity.PAGE,
            "database-unavailable.md",
            "The loop {{ $labels.loop }} keeps failing",
            "2m",
        ),
        Alert(
            "FollowupTaskEnded",
            occurred("followup_tasks_ended_total", by=["task"], over="15m"),
            "",
            Severity.PAGE,
            "process-down.md",
            "The task {{ $labels.task }} ended while its process is running; restart the process",
        ),
        Alert(
            "FollowupMerchantFilesBroken",
            highest("followup_merchant_files_broken"),
            "> 0",
            Severity.TICKET,
            "merchant-files.md",
            "{{ $value }} merchant or flow files have errors; their last valid versions are in use",
            "5m",
        ),
        Alert(
            "FollowupClicksLost",
            increase("followup_clicks_lost_total", over="15m"),
            "> 0",
            Severity.TICKET,
            "database-unavailable.md",
            "Short links redirected, but their visits could not be recorded",
        ),
        Alert(
            "FollowupWriterBusy",
            "max by (instance) (rate(followup_database_writer_seconds_total[5m])) > 0.9 "
            "unless max by (instance) (followup_consumer_partitions)",
            "",
            Severity.TICKET,
            "database-unavailable.md",
            "The writer of the SQLite file is at its limit",
            "10m",
        ),
        Alert(
            "FollowupEventsParked",
            occurred("followup_events_parked_total", by=["service"], over="15m"),
            "",
            Severity.TICKET,
            "parked-events.md",
            "{{ $labels.service }} parked events that it could not process",
        ),
    ],
    "followup-kafka": [
        Alert(
            "FollowupConsumerStalled",
            f"{total('followup_consumer_lag_events', by=['service'])} > 0 "
            f"unless {rate('followup_log_passed_total', by=['service'], over='5m')} > 0",
            "",
            Severity.PAGE,
            "kafka-log.md",
            "{{ $labels.service }} has unread events and reads none",
            "5m",
        ),
        Alert(
            "FollowupConsumerBehind",
            total("followup_consumer_lag_events", by=["service"]),
            "> 10000",
            Severity.TICKET,
            "kafka-log.md",
            "{{ $labels.service }} is {{ $value }} events behind",
            "10m",
        ),
        Alert(
            "FollowupNoPartitions",
            total("followup_consumer_partitions", by=["service"]),
            "== 0",
            Severity.PAGE,
            "kafka-log.md",
            "No process of {{ $labels.service }} reads any partition",
            "5m",
        ),
        Alert(
            "FollowupNoRelay",
            "count by (service) (followup_consumer_partitions) "
            f"unless {total('followup_outbox_relay_active', by=['service'])} > 0",
            "",
            Severity.PAGE,
            "kafka-log.md",
            "No relay publishes the outbox of {{ $labels.service }} to Kafka",
            "5m",
        ),
        Alert(
            "FollowupOutboxGrows",
            highest("followup_outbox_rows", by=["service"]),
            "> 100000",
            Severity.PAGE,
            "outbox-full.md",
            "{{ $value }} events of {{ $labels.service }} wait for Kafka",
            "5m",
        ),
        Alert(
            "FollowupEventsLost",
            occurred("followup_log_lost_events_total", by=["service"], over="15m"),
            "",
            Severity.PAGE,
            "kafka-log.md",
            "Kafka deleted events before {{ $labels.service }} had read them",
        ),
        Alert(
            "FollowupAcknowledgedLost",
            occurred("followup_log_acknowledged_lost_total", by=["service"], over="15m"),
            "",
            Severity.TICKET,
            "kafka-log.md",
            "Kafka lost acknowledged events; those of the last minutes are published again",
        ),
        Alert(
            "FollowupForeignRecords",
            occurred("followup_log_foreign_records_total", by=["service"], over="15m"),
            "",
            Severity.TICKET,
            "kafka-log.md",
            "Another producer writes to the topics",
        ),
    ],
    "followup-texts": [
        Alert(
            "FollowupDoubleDetected",
            increase("followup_doubles_detected_total", over="5m"),
            "> 0",
            Severity.PAGE,
            "double-detected.md",
            "The provider accepted a follow-up twice",
        ),
        Alert(
            "FollowupSenderAlarm",
            occurred("followup_sender_alarms_total", by=["kind"], over="15m", but='{kind!="double"}'),
            "",
            Severity.TICKET,
            "sender-alarms.md",
            "Sender alarm: {{ $labels.kind }}",
        ),
        Alert(
            "FollowupClocksApart",
            highest("followup_database_clock_skew_seconds"),
            "> 30",
            Severity.PAGE,
            "clocks-apart.md",
            "Nothing is sent: the database's clock is {{ $value | humanizeDuration }} from a process's",
            "1m",
        ),
        Alert(
            "FollowupNumberHalted",
            total("followup_sender_numbers_held", state="halted"),
            "> 0",
            Severity.PAGE,
            "number-held.md",
            "A sender number is halted because of an account or registration fault",
        ),
        Alert(
            "FollowupNumberPaused",
            total("followup_sender_numbers_held", state="open"),
            "> 0",
            Severity.TICKET,
            "number-held.md",
            "A sender number is paused: its provider gives no clear answers",
            "10m",
        ),
        Alert(
            "FollowupUnknownsStay",
            highest("followup_dispatches_unresolved"),
            "> 0",
            Severity.TICKET,
            "unknowns.md",
            "It is still unknown whether {{ $value }} texts were sent",
            "30m",
        ),
        Alert(
            "FollowupManyUnknowns",
            ratio(
                rate("followup_dispatch_attempts_total", over="5m", outcome="unknown"),
                rate("followup_dispatch_attempts_total", over="5m"),
            ),
            "> 0.05",
            Severity.PAGE,
            "unknowns.md",
            "{{ $value | humanizePercentage }} of provider calls end without a clear answer",
            "5m",
        ),
        Alert(
            "FollowupReleasesUnanswered",
            highest("followup_unanswered_releases"),
            "> 0",
            Severity.PAGE,
            "unanswered-releases.md",
            "{{ $value }} texts were released and got no answer in time",
            "10m",
        ),
        Alert(
            "FollowupTimersLate",
            quantile(0.99, "followup_timer_lag_seconds", over="5m"),
            "> 30",
            Severity.PAGE,
            "unanswered-releases.md",
            "Texts are released {{ $value | humanizeDuration }} after they were due",
            "5m",
        ),
        Alert(
            "FollowupReleaseWaits",
            highest("followup_source_lag_seconds"),
            "> 30",
            Severity.PAGE,
            "unanswered-releases.md",
            "No marketing is released: a service is late in publishing its events",
            "2m",
        ),
    ],
    "followup-people": [
        Alert(
            "FollowupOptOutSlow",
            quantile(0.99, "followup_revocation_seconds", over="15m"),
            "> 30",
            Severity.PAGE,
            "opt-out-slow.md",
            "Opt-outs take {{ $value | humanizeDuration }} to reach the ledger",
            "5m",
        ),
        Alert(
            "FollowupCallbacksRejected",
            increase("followup_callbacks_rejected_total", by=["door"], over="15m"),
            "> 10",
            Severity.PAGE,
            "callbacks-rejected.md",
            "Callbacks for {{ $labels.door }} are refused; a STOP may be among them",
        ),
        Alert(
            "FollowupRulesUnreadable",
            occurred("followup_verdicts_total", by=["reason"], over="15m", but='{reason="rules_unreadable"}'),
            "",
            Severity.PAGE,
            "rules-stale.md",
            "The gate cannot read its rules and blocks everything",
        ),
        Alert(
            "FollowupRulesStale",
            highest("followup_rules_age_seconds"),
            f"> {180 * _DAY_SECONDS}",
            Severity.TICKET,
            "rules-stale.md",
            "The table of quiet hours is {{ $value | humanizeDuration }} old",
        ),
        Alert(
            "FollowupQuotaExceeded",
            increase("followup_quota_refused_total", by=["door", "quota"], over="15m"),
            "> 0",
            Severity.TICKET,
            "quota-exceeded.md",
            "A merchant exceeds its quota of {{ $labels.quota }} for {{ $labels.door }}",
            "15m",
        ),
        Alert(
            "FollowupWebhooksRefused",
            increase("followup_ingest_deliveries_total", by=["source"], over="15m", outcome="refused"),
            "> 10",
            Severity.TICKET,
            "webhooks-refused.md",
            "Webhooks of {{ $labels.source }} have no valid signature",
        ),
        Alert(
            "FollowupWebhooksQuarantined",
            occurred("followup_ingest_quarantined_total", by=["source", "reason"], over="15m"),
            "",
            Severity.TICKET,
            "webhooks-refused.md",
            "Webhooks of {{ $labels.source }} cannot be read: {{ $labels.reason }}",
        ),
        Alert(
            "FollowupNeighbouringNumbers",
            increase("followup_neighbouring_numbers_total", over="15m"),
            "> 0",
            Severity.PAGE,
            "texts-to-strangers.md",
            "A merchant's newest recipients have neighbouring numbers; texts to new people wait for an operator",
        ),
        Alert(
            "FollowupNewPeopleWait",
            occurred("followup_new_people_waits_total", by=["bound"], over="15m"),
            "",
            Severity.TICKET,
            "texts-to-strangers.md",
            "Texts to new people wait: the limit {{ $labels.bound }} is reached",
        ),
        Alert(
            "FollowupOverBudget",
            occurred("followup_over_budget_total", by=["effect"], over="15m"),
            "",
            Severity.TICKET,
            "texts-to-strangers.md",
            "A merchant's texts of today exceed its budget ({{ $labels.effect }})",
        ),
        Alert(
            "FollowupWebhookIdsReused",
            occurred("followup_ingest_ids_reused_total", by=["source"], over="15m"),
            "",
            Severity.TICKET,
            "webhooks-refused.md",
            "Webhooks of {{ $labels.source }} reuse ids with different bodies",
        ),
    ],
}

ALERTS: Sequence[Alert] = [alert for group in GROUPS.values() for alert in group]


def document() -> dict[str, Any]:
    """Return the rules as Prometheus reads them."""
    return {"groups": [{"name": name, "rules": [_rule(alert) for alert in group]} for name, group in GROUPS.items()]}


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasting,
        "labels": {"severity": alert.severity.value},
        "annotations": {"summary": alert.summary, "runbook": f"docs/runbooks/{alert.runbook}"},
    }
