"""A decision as evidence: all inputs, the table's version, the verdict; recomputing proves it.

A record holds no phone number: of the number only country or area code, of the address three characters of the
postal code (compliance section 11; design section 6, privacy).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import orjson
from pydantic import TypeAdapter

from services.compliance.gate import decision
from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, Policy, Recipient
from services.compliance.gate.verdicts import Evidence, Verdict
from shared.rules.table import RuleTable, UnreadableRules

_POSTAL_PREFIX = 3


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """Every argument of `decision.decide` except the rules, which are named by their version."""

    message: JudgedText
    recipient: Recipient
    consent: Consent
    history: tuple[HistoryItem, ...]
    now: datetime
    policy: Policy

    def verdict(self, rules: RuleTable | UnreadableRules) -> Verdict:
        """Return the verdict under any rules."""
        return decision.decide(self.message, self.recipient, self.consent, self.history, self.now, rules, self.policy)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One verdict with its inputs; the same inputs, rules, gate and zone data give the same verdict again."""

    inputs: DecisionInputs
    rules_version: str
    verdict: Verdict
    gate_version: str = decision.VERSION
    time_zones_version: str = ""


_Shared = TypeVar("_Shared", Policy, Evidence)

_RECORD: TypeAdapter[DecisionRecord] = TypeAdapter(DecisionRecord)
_POLICY: TypeAdapter[Policy] = TypeAdapter(Policy)
_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


def postal_prefix(code: str | None) -> str | None:
    """Return the part of a postal code that the gate reads, and that a record may hold."""
    return code if code is None or len(code) <= _POSTAL_PREFIX else code.strip()[:_POSTAL_PREFIX]


def decision_record(inputs: DecisionInputs, rules: RuleTable | UnreadableRules) -> DecisionRecord:
    """Decide, and return the record of it; the postal code is cut to what the gate reads."""
    known = inputs.recipient.known
    if (prefix := postal_prefix(known.postal_code)) != known.postal_code:
        inputs = replace(inputs, recipient=replace(inputs.recipient, known=replace(known, postal_code=prefix)))
    return DecisionRecord(inputs, rules.version, inputs.verdict(rules), time_zones_version=rules.time_zones_version)


def recompute(record: DecisionRecord, rules: RuleTable | UnreadableRules) -> Verdict | None:
    """Return today's verdict on a record's inputs; if it differs from `record.verdict`, the record was changed.

    None for a record made with other rules, another gate or other zone data: recomputing it proves nothing.
    """
    recorded = (record.rules_version, record.gate_version, record.time_zones_version)
    present = (rules.version, decision.VERSION, rules.time_zones_version)
    return record.inputs.verdict(rules) if recorded == present else None


class RecordWriter:
    """Writes the records of one batch as JSON text (UTF-8), without loss; shared parts are serialized once.

    Policy and evidence are most of a record, and the same objects in nearly all records of a batch. They are looked up
    by identity, which costs nothing, and kept alive meanwhile, so that no identity is reused.
    """

    def __init__(self) -> None:
        self._written: dict[int, tuple[object, orjson.Fragment]] = {}

    def as_bytes(self, record: DecisionRecord) -> bytes:
        """Return what `record_of` reads."""
        inputs, verdict = record.inputs, record.verdict
        parts = {
            "inputs": {
                "message": inputs.message,
                "recipient": inputs.recipient,
                "consent": inputs.consent,
                "history": inputs.history,
                "now": inputs.now,
                "policy": self._shared(_POLICY, inputs.policy),
            },
            "rules_version": record.rules_version,
            "verdict": {
                **{name: getattr(verdict, name) for name in verdict.__slots__},
                "evidence": self._shared(_EVIDENCE, verdict.evidence),
            },
            "gate_version": record.gate_version,
            "time_zones_version": record.time_zones_version,
        }
        return orjson.dumps(parts, option=orjson.OPT_UTC_Z)

    def _shared(self, kind: TypeAdapter[_Shared], part: _Shared) -> orjson.Fragment:
        known = self._written.get(id(part))
        if known is None:
            known = self._written[id(part)] = part, orjson.Fragment(kind.dump_json(part))
        return known[1]


def record_of(stored: bytes) -> DecisionRecord:
    """Return the record that was stored.

    Raises:
        pydantic.ValidationError: the bytes are no such record.
    """
    return _RECORD.validate_json(stored)
