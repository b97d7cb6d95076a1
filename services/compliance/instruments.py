"""What compliance counts."""

from shared.telemetry.metrics import SECONDS_BUCKETS, counter, gauge, histogram

VERDICTS = counter("followup_verdicts_total", "Verdicts of the gate.", ["decision", "reason", "purpose"])
IGNORED_FACTS = counter(
    "followup_facts_ignored_total", "Facts of a contact that the gate could not use, counted at each verdict.", ["fact"]
)
CLAIMS = counter("followup_consent_claims_total", "Consent claims entered into the ledger.", ["act"])
REVOCATION_SECONDS = histogram(
    "followup_revocation_seconds", "From a person's opt-out to its entry in the ledger.", (), SECONDS_BUCKETS
)
SLOTS_RETURNED = counter(
    "followup_cap_slots_returned_total", "Cap slots returned because the text was not sent.", ["reason"]
)
RULES_AGE_SECONDS = gauge("followup_rules_age_seconds", "Age of the quiet-hours table; a warning from 180 days on.")
NEW_PEOPLE_WAIT = counter(
    "followup_new_people_waits_total",
    "Times a text to a person never texted before had to wait, by the limit it met: hour, key, prefix, adjacent.",
    ["bound"],
)
RUNS_OF_NUMBERS = counter(
    "followup_neighbouring_numbers_total", "Times a merchant's newest recipients had neighbouring numbers."
)
OVER_BUDGET = counter(
    "followup_over_budget_total", "Texts judged while the day's spending was over its budget: waits, goes.", ["effect"]
)
