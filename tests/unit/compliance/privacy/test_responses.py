import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from services.compliance.privacy.answers import CertificateAnswer, CopyAnswer
from services.compliance.privacy.responses import Copy, certificate_answer, copy_answer, copy_table
from services.compliance.privacy.store import Certificate, Request
from shared import rights
from shared.events.consent import ConsentReported, PrivacyRight
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpDue
from shared.events.registry import registry
from shared.events.trigger import TriggerReceived
from shared.ids import EventId, MerchantId, RecipientId
from shared.testing import make
from shared.testing.clock import START
from shared.vocabulary.service_names import EVENT_SERVICES

ASKED = Request(
    EventId(make.REQUEST), MerchantId("acme"), RecipientId(make.RECIPIENT), PrivacyRight.ERASURE, "api", START
)


def certificate(service: str) -> Certificate:
    return Certificate(service, {"rows": 1}, START + timedelta(seconds=1))


@pytest.mark.parametrize("kind", list(registry().values()), ids=lambda kind: kind.type)
def test_a_stripped_event_of_any_type_can_still_be_read_and_holds_nothing_sealed(kind: type[Event]) -> None:
    stripped = rights.stripped(make.event(kind))
    assert b"sealed" not in stripped.model_dump_json().encode().replace(b"c2VhbGVk", b"sealed")
    assert type(stripped).model_validate_json(stripped.model_dump_json()) == stripped


def test_a_stripped_event_keeps_everything_that_was_not_sealed() -> None:
    due = make.event(FollowUpDue)
    stripped = rights.stripped(due)
    assert (stripped.event_id, stripped.recipient_id) == (due.event_id, due.recipient_id)
    assert isinstance(stripped, FollowUpDue)
    assert (stripped.content.locale, stripped.content.body) == (due.content.locale, b"")


def test_what_may_be_absent_is_absent_and_what_must_be_there_is_empty() -> None:
    report = rights.stripped(make.event(ConsentReported, evidence=b"sealed", contact=b"sealed"))
    trigger = rights.stripped(make.event(TriggerReceived))
    assert isinstance(report, ConsentReported)
    assert isinstance(trigger, TriggerReceived)
    assert (report.evidence, report.contact) == (None, None)
    assert trigger.contact == b""


@pytest.mark.parametrize(
    ("answered", "seconds", "state", "missing"),
    [
        ((), 0, "under_way", list(EVENT_SERVICES)),
        (EVENT_SERVICES[:-1], 59, "under_way", ["connectors"]),
        (EVENT_SERVICES[:-1], 60, "late", ["connectors"]),
        (EVENT_SERVICES, 600, "complete", []),
    ],
)
def test_an_erasure_is_complete_when_all_have_answered_and_late_after_a_minute(
    answered: tuple[str, ...], seconds: int, state: str, missing: list[str]
) -> None:
    now = START + timedelta(seconds=seconds)
    reported = certificate_answer(ASKED, [certificate(name) for name in answered], now, ledger_verifies=True)
    assert (reported["state"], reported["missing"]) == (state, missing)
    assert (reported["completed_at"] is None) == bool(missing)


def test_a_copy_without_any_answer_yet_is_empty_and_says_so() -> None:
    reported = copy_answer(ASKED, [], START)
    assert (reported["services"], reported["state"], len(reported["missing"])) == ({}, "under_way", len(EVENT_SERVICES))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("+12125550123", "+12125550123"),
        ("-15", "-15"),
        ('two\nlines, "quoted"', 'two\nlines, "quoted"'),
    ],
)
def test_no_value_of_a_csv_copy_is_computed_by_a_spreadsheet(value: str, written: str) -> None:
    text = copy_table([Copy("ingest", START, {"t": [{"a": {"b": [value]}, "none": None}]})])
    assert list(csv.reader(io.StringIO(text))) == [
        ["service", "table", "row", "field", "value"],
        ["ingest", "t", "1", "a.b.1", written],
    ]


@pytest.mark.parametrize("services", [(), EVENT_SERVICES])
def test_certificates_and_copies_are_what_the_document_declares(services: tuple[str, ...]) -> None:
    certificates = [certificate(service) for service in services]
    copies = [Copy(service, START, {"table": [{"field": 1}]}) for service in services]
    answers: list[tuple[type[BaseModel], dict[str, Any]]] = [
        (CertificateAnswer, certificate_answer(ASKED, certificates, START, ledger_verifies=True)),
        (CopyAnswer, copy_answer(ASKED, copies, START)),
    ]
    for declared, answer in answers:
        assert answer.keys() == declared.model_fields.keys()
        declared.model_validate(answer)
