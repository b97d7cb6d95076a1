"""Turns a due follow-up and what is known about its recipient into the inputs of the gate."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.compliance.connectors.ports import NO_FINDINGS, NumberFindings
from services.compliance.gate.inputs import TEXT_OF, Consent, HistoryItem, JudgedText, PastKind, Policy, Recipient
from services.compliance.gate.records import DecisionInputs, postal_prefix
from services.compliance.preferences.preference import FEWER, NO_PREFERENCE, Preference
from services.compliance.store import RecipientState
from shared.config.merchant import MerchantConfig
from shared.events.follow_up import FollowUpDue, Purpose
from shared.events.trigger import Contact, PhoneProvenance
from shared.phone import E164
from shared.rules.numbers import facts_of_e164
from shared.rules.places import KnownPlace, region_of
from shared.rules.table import FrequencyCap
from shared.vocabulary.profiles import Profile


class GateCircumstances(NamedTuple):
    """What holds a text back at this moment besides consent, hours and caps."""

    reports_missing: bool = False
    """The ledger does not hold every consent report that the due follow-up names."""
    parked: bool = False
    consent_lag: bool = False
    source_lag: bool = False
    preference: Preference = NO_PREFERENCE
    """What the person chose on their preference page."""
    number: NumberFindings = NO_FINDINGS
    """What the registers of the connectors say about the number."""


def policy_of(config: MerchantConfig, *, is_closed: bool = False) -> Policy:
    """Return the gate's policy from a merchant's file, with the guard every live decision has."""
    policies = config.policies
    chosen = Policy(
        profile=Profile(policies.profile.value),
        close_guard_seconds=policies.close_guard_seconds,
        marketing_caps=tuple(FrequencyCap(cap.max, cap.per_hours) for cap in policies.caps.marketing),
        informational_caps=tuple(FrequencyCap(cap.max, cap.per_hours) for cap in policies.caps.informational),
        allow_above_statutory=frozenset(policies.allow_above_statutory),
        max_defer_hours=policies.max_defer_hours,
        emergency_blocks=frozenset(policies.emergency_blocks),
        destinations=frozenset(region_of(country).country for country in config.destinations()),
        is_closed=is_closed,
    )
    return chosen.in_service(policies.close_guard_seconds)


def inputs_of(
    due: FollowUpDue,
    contact: Contact,
    person: RecipientState,
    history: Sequence[HistoryItem],
    circumstances: GateCircumstances,
    policy: Policy,
    now: datetime,
) -> DecisionInputs:
    """Return everything the gate looks at; of the number only facts about it, never the number itself.

    Of the history only texts of the same purpose matter, for caps and for answers.
    """
    consent = person.standing.consent_for(due.purpose, now)
    asked = due.inbound_at if due.purpose is Purpose.HELP else None
    return DecisionInputs(
        message=JudgedText(due.purpose, due.first_due_at, due.expires_at),
        recipient=Recipient(
            number=facts_of_e164(E164(contact.phone)),
            known=KnownPlace(contact.time_zone, contact.state, postal_prefix(contact.postal_code), contact.country),
            line=circumstances.number.line,
            suppressed=circumstances.number.bars(due.purpose, consent),
            suppression=person.standing.suppression or circumstances.number.suppression(consent),
            is_of_shipping=contact.provenance is PhoneProvenance.SHIPPING,
            awaiting_consent=circumstances.reports_missing or _opt_out_not_recorded(due, consent),
            needs_review=person.review_since is not None,
            parked=circumstances.parked,
            consent_lag=circumstances.consent_lag,
            source_lag=circumstances.source_lag,
            paused_until=circumstances.preference.paused_until,
        ),
        consent=consent,
        history=(
            *(item for item in history if item.kind is TEXT_OF[due.purpose]),
            *((HistoryItem(min(asked, now), PastKind.INBOUND_HELP),) if asked is not None else ()),
        ),
        now=now,
        policy=replace(policy, marketing_caps=(*policy.marketing_caps, FEWER))
        if circumstances.preference.is_fewer
        else policy,
    )


def _opt_out_not_recorded(due: FollowUpDue, consent: Consent) -> bool:
    """Return whether the opt-out this text would confirm is not in the ledger yet; the two arrive independently."""
    if due.purpose is not Purpose.OPT_OUT_CONFIRMATION or due.inbound_at is None:
        return False
    return consent.revoked_at is None or consent.revoked_at < due.inbound_at
