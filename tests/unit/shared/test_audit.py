"""An entry of an audit log: always the same bytes, of known words, and nobody's address."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.compliance.ledger.verification import is_signed
from shared.audit import Actor, ActorKind, AddressClass, AuditAction, AuditEntry, AuditSubject, AuditSubjectKind
from shared.ids import MerchantId
from shared.signing import SigningKey

ENTRY = AuditEntry(
    id=UUID(int=1),
    service="scheduler",
    merchant_id=MerchantId("acme"),
    at=datetime(2026, 12, 1, 12, tzinfo=UTC),
    actor=Actor(ActorKind.API_KEY, "back-office", AddressClass.PUBLIC),
    action=AuditAction.CONTROL_PAUSED,
    subject=AuditSubject(AuditSubjectKind.CONTROL, "c"),
    fields=("until", "flow"),
    counts={"b": 1, "a": 2},
)


def test_the_bytes_of_an_entry_are_the_documented_ones() -> None:
    assert ENTRY.canonical() == (
        b'{"action":"control.paused","actor":"back-office","actor_kind":"api_key","at":1796126400000000,'
        b'"counts":{"a":2,"b":1},"day":"2026-12-01","fields":["flow","until"],'
        b'"id":"00000000-0000-0000-0000-000000000001","merchant":"acme","origin":"public","reason_sha256":null,'
        b'"recipient":null,"service":"scheduler","subject":"c","subject_kind":"control"}'
    )


def test_every_field_of_an_entry_is_in_its_bytes() -> None:
    written = json.loads(ENTRY.canonical())
    as_written = {"merchant_id": "merchant", "recipient_id": "recipient"}
    assert {as_written.get(field.name, field.name) for field in fields(AuditEntry)} <= written.keys()


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("127.0.0.1", AddressClass.THIS_MACHINE),
        ("::1", AddressClass.THIS_MACHINE),
        ("10.1.2.3", AddressClass.PRIVATE),
        ("8.8.8.8", AddressClass.PUBLIC),
        ("::ffff:8.8.8.8", AddressClass.PUBLIC),
        ("fd00::1", AddressClass.PRIVATE),
        ("", AddressClass.NONE),
        ("testclient", AddressClass.NONE),
    ],
)
def test_of_an_address_only_its_kind_is_kept(host: str, kind: AddressClass) -> None:
    assert AddressClass.of(host) is kind


def test_a_signature_of_the_ledger_is_none_of_an_audit_log() -> None:
    key, root = SigningKey.new(), "a" * 64
    for of, other in (("ledger", "audit"), ("audit", "ledger")):
        assert is_signed(root, key.signature(root, of), key.public_key, of)
        assert not is_signed(root, key.signature(root, of), key.public_key, other)
