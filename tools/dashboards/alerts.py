"""Alert rules: what somebody should be told of, how urgently, and the page that says what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tools.dashboards.promql import happened, highest, increase, quantile, rate, ratio, total

_DAY_SECONDS = 86400


class Severity(StrEnum):
    """How urgently."""

    PAGE = "page"
    """Now, at any hour: texts go wrong, or a STOP is not heard."""
    TICKET = "ticket"
    """On the next working day."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: it fires while `measure` passes `bound` for long enough."""

    name: str
    measure: str
    """What is looked at; a query that has a value on a healthy system too, unless `bound` is empty."""
    bound: str
    """Such as ``> 0``; empty where the measure itself has a value only when something is wrong."""
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
            "{{ $labels.instance }} does not answer",
            "2m",
        ),
        Alert(
            "FollowupNoProcess",
            'absent(up{job="followup"})',
            "",
            Severity.PAGE,
            "process-down.md",
            "Prometheus knows no process of Followup",
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
            "The loop {{ $labels.loop }} fails again and again",
            "2m",
        ),
        Alert(
            "FollowupTaskEnded",
            happened("followup_tasks_ended_total", by=["task"], over="15m"),
            "",
            Severity.PAGE,
            "process-down.md",
            "The task {{ $labels.task }} ended while its process goes on; restart it",
        ),
        Alert(
            "FollowupMerchantFilesBroken",
            highest("followup_merchant_files_broken"),
            "> 0",
            Severity.TICKET,
            "merchant-files.md",
            "{{ $value }} merchant or flow files are broken; the last good ones are in force",
            "5m",
        ),
        Alert(
            "FollowupClicksLost",
            increase("followup_clicks_lost_total", over="15m"),
            "> 0",
            Severity.TICKET,
            "database-unavailable.md",
            "Short links led on, and the visits could not be recorded",
        ),
        Alert(
            "FollowupWriterBusy",
            "max by (instance) (rate(followup_database_writer_seconds_total[5m])) > 0.9 "
            "unless max by (instance) (followup_consumer_partitions)",
            "",
            Severity.TICKET,
            "database-unavailable.md",
            "The one writer of the SQLite file is at its limit",
            "10m",
        ),
        Alert(
            "FollowupEventsParked",
            happened("followup_events_parked_total", by=["service"], over="15m"),
            "",
            Severity.TICKET,
            "parked-events.md",
            "{{ $labels.service }} put events aside that it could not handle",
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
            "{{ $labels.service }} has events to read and reads none",
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
            "Nobody takes the events of {{ $labels.service }} from the outbox to Kafka",
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
            happened("followup_log_lost_events_total", by=["service"], over="15m"),
            "",
            Severity.PAGE,
            "kafka-log.md",
            "Kafka deleted events before {{ $labels.service }} had read them",
        ),
        Alert(
            "FollowupAcknowledgedLost",
            happened("followup_log_acknowledged_lost_total", by=["service"], over="15m"),
            "",
            Severity.TICKET,
            "kafka-log.md",
            "Kafka lost what it had acknowledged; the last minutes are told again",
        ),
        Alert(
            "FollowupForeignRecords",
            happened("followup_log_foreign_records_total", by=["service"], over="15m"),
            "",
            Severity.TICKET,
            "kafka-log.md",
            "Somebody else writes to the topics",
        ),
    ],
    "followup-texts": [
        Alert(
            "FollowupDoubleDetected",
            increase("followup_doubles_detected_total", over="5m"),
            "> 0",
            Severity.PAGE,
            "double-detected.md",
            "The provider took a follow-up twice",
        ),
        Alert(
            "FollowupSenderAlarm",
            happened("followup_sender_alarms_total", by=["kind"], over="15m", but='{kind!="double"}'),
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
            "A sender number stands still for a fault of ours",
        ),
        Alert(
            "FollowupNumberPaused",
            total("followup_sender_numbers_held", state="open"),
            "> 0",
            Severity.TICKET,
            "number-held.md",
            "The provider of a sender number gives no clear answers",
            "10m",
        ),
        Alert(
            "FollowupUnknownsStay",
            highest("followup_dispatches_unresolved"),
            "> 0",
            Severity.TICKET,
            "unknowns.md",
            "Nobody can say yet whether {{ $value }} texts went",
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
            "{{ $value | humanizePercentage }} of the provider's answers say nothing",
            "5m",
        ),
        Alert(
            "FollowupReleasesUnanswered",
            highest("followup_unanswered_releases"),
            "> 0",
            Severity.PAGE,
            "unanswered-releases.md",
            "{{ $value }} texts were released, and nobody took or refused them",
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
            "No marketing is released: a service is late in passing on its news",
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
            "Callbacks at the door {{ $labels.door }} are refused: a STOP may be among them",
        ),
        Alert(
            "FollowupRulesUnreadable",
            happened("followup_verdicts_total", by=["reason"], over="15m", but='{reason="rules_unreadable"}'),
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
            "A merchant is over its quota of {{ $labels.quota }} at {{ $labels.door }}",
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
            happened("followup_ingest_quarantined_total", by=["source", "reason"], over="15m"),
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
            "A merchant's newest recipients have neighbouring numbers: texts to new people wait for somebody to look",
        ),
        Alert(
            "FollowupNewPeopleWait",
            happened("followup_new_people_waits_total", by=["bound"], over="15m"),
            "",
            Severity.TICKET,
            "texts-to-strangers.md",
            "Texts to new people wait: the bound {{ $labels.bound }} is met",
        ),
        Alert(
            "FollowupOverBudget",
            happened("followup_over_budget_total", by=["effect"], over="15m"),
            "",
            Severity.TICKET,
            "texts-to-strangers.md",
            "A merchant's texts of today cost more than they should ({{ $labels.effect }})",
        ),
        Alert(
            "FollowupWebhookIdsReused",
            happened("followup_ingest_ids_reused_total", by=["source"], over="15m"),
            "",
            Severity.TICKET,
            "webhooks-refused.md",
            "Webhooks of {{ $labels.source }} come under ids that were used before with other bodies",
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
