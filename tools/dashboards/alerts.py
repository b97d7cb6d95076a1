"""Alert rules: condition, urgency, and the runbook to follow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

from tools.dashboards.promql import highest, increase, occurred, quantile, rate, total

_DAY_SECONDS = 86400


class Severity(StrEnum):
    """The urgency of an alert."""

    PAGE = "page"
    """Act now, at any hour: texts are sent wrongly or not at all, or a STOP is not processed."""
    TICKET = "ticket"
    """Act on the next working day."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: it fires while its query has a value for long enough."""

    severity: Severity
    name: str
    runbook: str
    """File in docs/runbooks/."""
    summary: str
    expr: str = ""
    lasting: str = "0m"

    def when(self, measure: str, bound: str = "", *, lasting: str = "0m") -> "Alert":
        """Return the alert that fires while `measure` passes `bound`, or has a value at all where there is none."""
        return replace(self, expr=f"{measure} {bound}".strip(), lasting=lasting)


page, ticket = partial(Alert, Severity.PAGE), partial(Alert, Severity.TICKET)

GROUPS: dict[str, Sequence[Alert]] = {
    "followup-processes": [
        page("FollowupProcessDown", "process-down.md", "{{ $labels.instance }} does not respond").when(
            'up{job="followup"}', "== 0", lasting="2m"
        ),
        page("FollowupNoProcess", "process-down.md", "Prometheus has no Followup process among its targets").when(
            'absent(up{job="followup"})', lasting="5m"
        ),
        page("FollowupConsumerHalted", "consumer-halted.md", "{{ $labels.service }} has stopped reading events").when(
            highest("followup_consumer_halted", by=["service"]), "> 0"
        ),
        page("FollowupLoopFailing", "database-unavailable.md", "The loop {{ $labels.loop }} keeps failing").when(
            highest("followup_loop_failures_in_a_row", by=["loop"]), "> 4", lasting="2m"
        ),
        page(
            "FollowupTaskEnded",
            "process-down.md",
            "The task {{ $labels.task }} ended while its process is running; restart the process",
        ).when(occurred("followup_tasks_ended_total", by=["task"], over="15m")),
        ticket(
            "FollowupMerchantFilesBroken",
            "merchant-files.md",
            "{{ $value }} merchant or flow files have errors; their last valid versions are in use",
        ).when(highest("followup_merchant_files_broken"), "> 0", lasting="5m"),
        ticket(
            "FollowupClicksLost",
            "database-unavailable.md",
            "Short links redirected, but their visits could not be recorded",
        ).when(increase("followup_clicks_lost_total", over="15m"), "> 0"),
        ticket("FollowupWriterBusy", "database-unavailable.md", "The writer of the SQLite file is at its limit").when(
            "max by (instance) (rate(followup_database_writer_seconds_total[5m])) > 0.9 "
            "unless max by (instance) (followup_consumer_partitions)",
            lasting="10m",
        ),
        ticket(
            "FollowupEventsParked", "parked-events.md", "{{ $labels.service }} parked events that it could not process"
        ).when(occurred("followup_events_parked_total", by=["service"], over="15m")),
    ],
    "followup-kafka": [
        page("FollowupConsumerStalled", "kafka-log.md", "{{ $labels.service }} has unread events and reads none").when(
            f"{total('followup_consumer_lag_events', by=['service'])} > 0 "
            f"unless {rate('followup_log_passed_total', by=['service'], over='5m')} > 0",
            lasting="5m",
        ),
        ticket("FollowupConsumerBehind", "kafka-log.md", "{{ $labels.service }} is {{ $value }} events behind").when(
            total("followup_consumer_lag_events", by=["service"]), "> 10000", lasting="10m"
        ),
        page("FollowupNoPartitions", "kafka-log.md", "No process of {{ $labels.service }} reads any partition").when(
            total("followup_consumer_partitions", by=["service"]), "== 0", lasting="5m"
        ),
        page("FollowupNoRelay", "kafka-log.md", "No relay publishes the outbox of {{ $labels.service }} to Kafka").when(
            "count by (service) (followup_consumer_partitions) "
            f"unless {total('followup_outbox_relay_active', by=['service'])} > 0",
            lasting="5m",
        ),
        page(
            "FollowupOutboxGrows", "outbox-full.md", "{{ $value }} events of {{ $labels.service }} wait for Kafka"
        ).when(highest("followup_outbox_rows", by=["service"]), "> 100000", lasting="5m"),
        page(
            "FollowupEventsLost", "kafka-log.md", "Kafka deleted events before {{ $labels.service }} had read them"
        ).when(occurred("followup_log_lost_events_total", by=["service"], over="15m")),
        ticket(
            "FollowupAcknowledgedLost",
            "kafka-log.md",
            "Kafka lost acknowledged events; those of the last minutes are published again",
        ).when(occurred("followup_log_acknowledged_lost_total", by=["service"], over="15m")),
        ticket("FollowupForeignRecords", "kafka-log.md", "Another producer writes to the topics").when(
            occurred("followup_log_foreign_records_total", by=["service"], over="15m")
        ),
    ],
    "followup-texts": [
        page("FollowupDoubleDetected", "double-detected.md", "The provider accepted a follow-up twice").when(
            increase("followup_doubles_detected_total", over="5m"), "> 0"
        ),
        ticket("FollowupSenderAlarm", "sender-alarms.md", "Sender alarm: {{ $labels.kind }}").when(
            occurred("followup_sender_alarms_total", by=["kind"], over="15m", but='{kind!="double"}')
        ),
        page(
            "FollowupClocksApart",
            "clocks-apart.md",
            "Nothing is sent: the database's clock is {{ $value | humanizeDuration }} from a process's",
        ).when(highest("followup_database_clock_skew_seconds"), "> 30", lasting="1m"),
        page(
            "FollowupNumberHalted",
            "number-held.md",
            "A sender number is halted because of an account or registration fault",
        ).when(total("followup_sender_numbers_held", state="halted"), "> 0"),
        ticket(
            "FollowupNumberPaused", "number-held.md", "A sender number is paused: its provider gives no clear answers"
        ).when(total("followup_sender_numbers_held", state="open"), "> 0", lasting="10m"),
        ticket("FollowupUnknownsStay", "unknowns.md", "It is still unknown whether {{ $value }} texts were sent").when(
            highest("followup_dispatches_unresolved"), "> 0", lasting="30m"
        ),
        page(
            "FollowupManyUnknowns",
            "unknowns.md",
            "{{ $value | humanizePercentage }} of provider calls end without a clear answer",
        ).when(
            f"{rate('followup_dispatch_attempts_total', over='5m', outcome='unknown')} / "
            f"{rate('followup_dispatch_attempts_total', over='5m')}",
            "> 0.05",
            lasting="5m",
        ),
        page(
            "FollowupReleasesUnanswered",
            "unanswered-releases.md",
            "{{ $value }} texts were released and got no answer in time",
        ).when(highest("followup_unanswered_releases"), "> 0", lasting="10m"),
        page(
            "FollowupTimersLate",
            "unanswered-releases.md",
            "Texts are released {{ $value | humanizeDuration }} after they were due",
        ).when(quantile(0.99, "followup_timer_lag_seconds", over="5m"), "> 30", lasting="5m"),
        page(
            "FollowupReleaseWaits",
            "unanswered-releases.md",
            "No marketing is released: a service is late in publishing its events",
        ).when(highest("followup_source_lag_seconds"), "> 30", lasting="2m"),
    ],
    "followup-people": [
        page(
            "FollowupOptOutSlow", "opt-out-slow.md", "Opt-outs take {{ $value | humanizeDuration }} to reach the ledger"
        ).when(quantile(0.99, "followup_revocation_seconds", over="15m"), "> 30", lasting="5m"),
        page(
            "FollowupCallbacksRejected",
            "callbacks-rejected.md",
            "Callbacks for {{ $labels.door }} are refused; a STOP may be among them",
        ).when(increase("followup_callbacks_rejected_total", by=["door"], over="15m"), "> 10"),
        page("FollowupRulesUnreadable", "rules-stale.md", "The gate cannot read its rules and blocks everything").when(
            occurred("followup_verdicts_total", by=["reason"], over="15m", but='{reason="rules_unreadable"}')
        ),
        ticket(
            "FollowupRulesStale", "rules-stale.md", "The table of quiet hours is {{ $value | humanizeDuration }} old"
        ).when(highest("followup_rules_age_seconds"), f"> {180 * _DAY_SECONDS}"),
        ticket(
            "FollowupQuotaExceeded",
            "quota-exceeded.md",
            "A merchant exceeds its quota of {{ $labels.quota }} for {{ $labels.door }}",
        ).when(increase("followup_quota_refused_total", by=["door", "quota"], over="15m"), "> 0", lasting="15m"),
        ticket(
            "FollowupWebhooksRefused", "webhooks-refused.md", "Webhooks of {{ $labels.source }} have no valid signature"
        ).when(increase("followup_ingest_deliveries_total", by=["source"], over="15m", outcome="refused"), "> 10"),
        ticket(
            "FollowupWebhooksQuarantined",
            "webhooks-refused.md",
            "Webhooks of {{ $labels.source }} cannot be read: {{ $labels.reason }}",
        ).when(occurred("followup_ingest_quarantined_total", by=["source", "reason"], over="15m")),
        page(
            "FollowupNeighbouringNumbers",
            "texts-to-strangers.md",
            "A merchant's newest recipients have neighbouring numbers; texts to new people wait for an operator",
        ).when(increase("followup_neighbouring_numbers_total", over="15m"), "> 0"),
        ticket(
            "FollowupNewPeopleWait",
            "texts-to-strangers.md",
            "Texts to new people wait: the limit {{ $labels.bound }} is reached",
        ).when(occurred("followup_new_people_waits_total", by=["bound"], over="15m")),
        ticket(
            "FollowupOverBudget",
            "texts-to-strangers.md",
            "A merchant's texts of today exceed its budget ({{ $labels.effect }})",
        ).when(occurred("followup_over_budget_total", by=["effect"], over="15m")),
        ticket(
            "FollowupNotificationsFailing",
            "notifications-failing.md",
            "{{ $value }} endpoints of merchants have not taken notifications for half an hour",
        ).when(highest("followup_notification_endpoints_failing"), "> 0", lasting="30m"),
        ticket(
            "FollowupWebhookIdsReused",
            "webhooks-refused.md",
            "Webhooks of {{ $labels.source }} reuse ids with different bodies",
        ).when(occurred("followup_ingest_ids_reused_total", by=["source"], over="15m")),
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
