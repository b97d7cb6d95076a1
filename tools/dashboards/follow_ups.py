"""The follow-ups dashboard: the results of texts."""

from tools.dashboards.panels import Dashboard, Panel, Query, Row, rates, single
from tools.dashboards.promql import RANGE, increase, rate

_ACCEPTED = increase("followup_dispatch_attempts_total", over=RANGE, outcome="accepted")


def _share(title: str, part: str, about: str) -> Panel:
    """Return a share of the texts that the provider accepted."""
    expr = f"{part} / ({_ACCEPTED} > 0) or vector(0)"
    return Panel(title, single(expr), "percentunit", "stat", 4, about)


def _within(metric: str, **where: str) -> str:
    return f"({increase(metric, over=RANGE, **where)} or vector(0))"


RATES = Row(
    "Texts accepted by the provider in the time shown",
    [
        Panel("Texts accepted", single(f"{_ACCEPTED} or vector(0)"), "short", "stat", 4),
        _share("Delivered", _within("followup_receipts_total", status="delivered"), "Receipts may arrive later."),
        _share("Clicked", _within("followup_link_visits_total", visitor="person"), "Visits by people, not by robots."),
        _share("Replied", _within("followup_replies_total"), "Keywords included."),
        _share("Opted out", _within("followup_replies_total", reply_class="opt_out"), "STOP and similar replies."),
        _share(
            "Converted",
            f'(sum(increase(followup_purchases_total{{model!="none"}}[{RANGE}])) or vector(0))',
            "Purchases credited to a text, by click or delivery.",
        ),
    ],
)

PLANS = Row(
    "From trigger to text",
    [
        Panel(
            "Runs started and declined",
            [
                Query(rate("followup_enrolments_total"), "started"),
                Query(rate("followup_enrolments_declined_total", by=["reason"]), "{{reason}}"),
            ],
            "ops",
        ),
        rates("Planned", "followup_planned_total", by=["purpose"]),
        rates("Conditions that could not be evaluated", "followup_condition_errors_total", by=["where"]),
    ],
)

GATE = Row(
    "The gate",
    [
        rates("Blocked, by reason", "followup_verdicts_total", by=["reason"], decision="block"),
        rates("Deferred, by reason", "followup_verdicts_total", by=["reason"], decision="defer"),
        rates("Cleared, by purpose", "followup_verdicts_total", by=["purpose"], decision="send"),
        rates("Consent claims", "followup_consent_claims_total", by=["act"]),
        rates("Cap slots returned", "followup_cap_slots_returned_total", by=["reason"]),
        Panel("Being sent when STOP arrived", single(increase("followup_texts_in_flight_at_stop_total"))),
    ],
)

ENDS = Row(
    "Results",
    [
        rates("Ends by state", "followup_ended_total", by=["state"]),
        rates("Ends by reason", "followup_ended_total", by=["reason_class"]),
        rates("Receipts by status", "followup_receipts_total", by=["status"]),
        rates("Replies", "followup_replies_total", by=["reply_class"]),
        rates("Visits by people", "followup_link_visits_total", visitor="person"),
        rates("Purchases, by attribution", "followup_purchases_total", by=["model"]),
        Panel(
            "Refunds and cancellations",
            single(rate("followup_conversion_deductions_total", by=["kind", "effect"]), "{{kind}}: {{effect}}"),
            "ops",
        ),
        rates("Facts recorded", "followup_facts_recorded_total", by=["topic"]),
        Panel(
            "Facts late, repeated, recounted",
            [
                Query(rate("followup_facts_late_total", by=["topic"]), "late: {{topic}}"),
                Query(rate("followup_facts_repeated_total"), "repeated"),
                Query(rate("followup_facts_retold_total"), "recounted"),
            ],
            "ops",
        ),
    ],
)

FOLLOW_UPS = Dashboard(
    "followup-follow-ups",
    "Followup: follow-ups",
    "The results of texts. For money and exact figures see the console and GET /v1/kpis.",
    [RATES, PLANS, GATE, ENDS],
)
