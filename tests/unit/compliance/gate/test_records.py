"""Decision records: lossless, without identity, and a proof only against the same rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError

from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, PastKind, Policy, Recipient
from services.compliance.gate.records import (
    DecisionInputs,
    DecisionRecord,
    RecordWriter,
    decision_record,
    recompute,
    record_of,
)
from services.compliance.gate.verdicts import Block, Clear, Defer, Reason
from shared.events.follow_up import Purpose
from shared.rule_files.loader import load_rules
from shared.rules.numbers import facts_of
from shared.rules.places import KnownPlace
from shared.rules.table import ConsentStatus, FrequencyCap, RuleTable, UnreadableRules

NOW = datetime(2026, 12, 1, 12, 59, tzinfo=UTC)
INPUTS = DecisionInputs(
    message=JudgedText(Purpose.MARKETING, NOW),
    recipient=Recipient(facts_of("+12125550123"), KnownPlace(postal_code=" 10001-4321")),
    consent=Consent(ConsentStatus.PEWC),
    history=(),
    now=NOW,
    policy=Policy(),
)


def shipped() -> RuleTable:
    table = load_rules()
    assert isinstance(table, RuleTable)
    return table


def test_a_record_survives_json_and_proves_itself() -> None:
    record = decision_record(INPUTS, shipped())
    restored = record_of(RecordWriter().as_bytes(record))
    assert restored == record
    assert recompute(restored, shipped()) == record.verdict


def test_a_record_is_written_whole_whatever_the_verdict_and_in_a_batch_of_one_writer_too() -> None:
    moments = (NOW, NOW + timedelta(hours=5), NOW + timedelta(hours=20))  # before, within and after the hours
    consents = (Consent(ConsentStatus.PEWC, NOW, revoked_since=NOW), Consent(ConsentStatus.NONE))
    policies = (Policy(), Policy(marketing_caps=(FrequencyCap(1, 7),), allow_above_statutory=frozenset({"US-TX"})))
    batch = [
        decision_record(
            replace(INPUTS, now=now, consent=consent, policy=policy, history=(HistoryItem(now, PastKind.HELP),)),
            shipped(),
        )
        for now in moments
        for consent in consents
        for policy in policies
    ]
    assert {type(record.verdict) for record in batch} == {Clear, Defer, Block}
    writer, plain = RecordWriter(), TypeAdapter(DecisionRecord)
    for record in batch:
        assert orjson.loads(writer.as_bytes(record)) == plain.dump_python(record, mode="json")


def test_a_writer_distinguishes_two_policies_although_one_takes_the_place_of_the_other() -> None:
    writer = RecordWriter()
    for hours in range(1, 50):
        record = decision_record(replace(INPUTS, policy=Policy(max_defer_hours=hours)), shipped())
        assert record_of(writer.as_bytes(record)) == record
        del record  # and its policy with it: the next one may be made where it lay


def test_a_record_holds_neither_the_number_nor_the_whole_postal_code() -> None:
    stored = RecordWriter().as_bytes(decision_record(INPUTS, shipped()))
    assert b"5550123" not in stored
    assert b"10001" not in stored
    assert b'"100"' in stored


def test_a_changed_verdict_does_not_survive_recomputing() -> None:
    record = decision_record(INPUTS, shipped())
    forged = replace(record, verdict=Block(Reason.OPTED_OUT, record.verdict.evidence))
    assert recompute(forged, shipped()) != forged.verdict


def test_a_record_of_other_rules_is_not_recomputed_but_reported() -> None:
    record = decision_record(INPUTS, UnreadableRules("a slip", version="older"))
    assert record.verdict.reason is Reason.RULES_UNREADABLE
    assert (record.rules_version, recompute(record, shipped())) == ("older", None)


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(ValidationError):
        record_of(b"{}")


def test_a_record_of_other_rules_is_judged_anew_under_those_that_are_asked_about() -> None:
    record = decision_record(INPUTS, UnreadableRules("a slip", version="older"))
    assert record.inputs.verdict(shipped()) == decision_record(INPUTS, shipped()).verdict
    assert record.inputs.verdict(UnreadableRules("none")).reason is Reason.RULES_UNREADABLE
