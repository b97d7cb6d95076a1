"""No sealed value opens anywhere but where it belongs: every cell of every service at every other cell's place."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, get_args

import pytest
import sqlalchemy as sa

import services.compliance.sealed
import services.connectors.sealed
import services.scheduler.sealed
import services.sender.sealed
from services.compliance.tables import audit_tables as compliance_audit
from services.connectors.tables import audit_tables as connectors_audit
from services.connectors.tables import deliveries as notifications
from services.ingest.tables import former_people
from services.scheduler.approvals import store as approval_store
from services.scheduler.approvals.deciding import Approval, ApprovalAction
from services.scheduler.controls import store as control_store
from services.scheduler.controls.store import StoredControl
from services.scheduler.tables import audit_tables as scheduler_audit
from services.sender.tables import attempts, conversations, dispatches, short_links, unassigned_replies
from services.sender.tables import audit_tables as sender_audit
from shared import aad
from shared.audit import Actor, ActorKind, AddressClass, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.controls import Control, ControlAction, ControlScope
from shared.db.reseal import resealed
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Unsealable
from shared.events.consent import ConsentReported
from shared.events.envelope import Part
from shared.events.registry import registry
from shared.ids import MerchantId
from shared.privacy import Sealer
from shared.testing import make
from shared.testing.sealed import of_old, ring_of
from tests.integration.across_services.rights.driver import RightsDriver
from tests.integration.across_services.rights.test_resealing import ACME, SEALED, Cell, cells

EVERY = {
    **SEALED,
    **services.compliance.sealed.SEALED_FOR_GOOD,
    **services.connectors.sealed.SEALED_FOR_GOOD,
    **services.scheduler.sealed.SEALED_FOR_GOOD,
    **services.sender.sealed.SEALED_FOR_GOOD,
}
SUBJECT = AuditSubject(AuditSubjectKind.MERCHANT, ACME)
DEED = Deed(ACME, AuditAction.HOLD_RELEASED, SUBJECT, reason="they are known to us")


async def filled(driver: RightsDriver) -> list[Cell]:
    """Let every sealed column of every service hold something, of two people where one story is not enough."""
    await driver.lived()
    await driver.exported()
    seal, now = driver.sealer.seal, driver.clock.now()
    digest = b"\x07" * 32
    stray = {
        "digest": digest,
        "merchant_id": ACME,
        "provider": "main",
        "reason": "no_number",
        "reply_class": "other",
        "raw": seal(ACME, aad.unassigned_reply(digest), b"{}"),
        "received_at": now,
    }
    former = {
        "former_key": digest,
        "join_hash": digest[:16],
        "merchant_id": ACME,
        "recipient_id": make.RECIPIENT,
        "contact": seal(ACME, aad.contact(make.RECIPIENT), b"{}"),
        "provenance": "order",
        "updated_at": now,
    }
    links = [
        {
            "code": code,
            "follow_up_id": make.FOLLOW_UP,
            "merchant_id": ACME,
            "recipient_id": driver.person,
            "correlation_id": "c",
            "target": seal(ACME, aad.link_target(code), b"https://acme.example"),
            "click_days": 5,
            "created_at": now,
            "expires_at": now,
        }
        for code in ("first", "second")
    ]

    lifted = [
        StoredControl(
            Control(key, ControlAction.PAUSE, ControlScope(ACME), now),
            reason=seal(ACME, aad.control_reason(key), b"wrong code"),
            made_by="all",
            lift_reason=seal(ACME, aad.control_lift(key), b"mended"),
            lifted_at=now,
        )
        for key in (make.REQUEST, make.FOLLOW_UP)
    ]

    questions = [
        Approval(
            key,
            ACME,
            ApprovalAction.RESUME,
            {"controls": []},
            texts=812,
            asked_by="user:anna",
            asked_at=now,
            reason=seal(ACME, aad.approval_reason(key), b"the code works"),
            expires_at=now,
            answer_reason=seal(ACME, aad.approval_answer(key), b"I tried it"),
        )
        for key in (make.REQUEST, make.FOLLOW_UP)
    ]

    sent = [
        {
            "id": key,
            "follow_up_id": make.FOLLOW_UP,
            "merchant_id": ACME,
            "recipient_id": driver.person,
            "n": 1,
            "release": 1,
            "provider": "main",
            "sender_number": make.SENDER_NUMBER,
            "body_sha256": b"",
            "parts": 1,
            "encoding": "gsm7",
            "state": state,
            "intent_at": now,
            "deadline": now,
            "made_by": key,
            "text": seal(ACME, aad.sent_text(key), b"Acme: Thanks!"),
        }
        for key, state in ((make.REQUEST, "accepted"), (make.FOLLOW_UP, "refused"))
    ]

    async def work(uow: UnitOfWork) -> None:
        [talk] = await uow.db.rows(sa.select(conversations))
        for person in (driver.person, make.RECIPIENT):
            who = seal(ACME, aad.conversation_assignee(person), b"maria")
            contact = seal(ACME, aad.contact(person), b"{}")
            named = {"recipient_id": person, "assigned_to": who, "contact": contact}
            await uow.db.upsert(conversations, [{**talk, **named}])
        await uow.db.insert(attempts, sent)
        for control in lifted:
            await control_store.save(uow.db, control)
        for question in questions:
            await approval_store.save(uow.db, question)
        await uow.db.insert(unassigned_replies, [stray])
        await uow.db.insert(short_links, links)
        await uow.db.insert(former_people, [former])
        [told] = await uow.db.rows(sa.select(notifications))
        other = {"delivery_id": make.REQUEST, "body": seal(ACME, aad.notification_body(make.REQUEST), b"{}")}
        await uow.db.insert(notifications, [{**told, **other}])
        for tables in (compliance_audit, connectors_audit, scheduler_audit, sender_audit):
            for _ in range(2):
                AuditLog(tables, driver.sealer).record(uow, Actor(ActorKind.API_KEY, "all", AddressClass.NONE), DEED)

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
    claim = make.event(ConsentReported, recipient_id=driver.person, occurred_at=now)
    proof = seal(ACME, claim.associated_data()["evidence"], b"{}")
    await driver.harness.publish(claim.model_copy(update={"evidence": proof}))
    await driver.settle()
    return await cells(driver, EVERY)


async def test_a_cell_opens_at_no_other_cells_place_and_the_fault_names_table_column_and_row(
    driver: RightsDriver,
) -> None:
    found = await filled(driver)
    assert {cell.name for cell in found} == {f"{table.name}.{name}" for table in EVERY for name in EVERY[table]}
    for cell in found:
        driver.sealer.open(ACME, cell.place, cell.value)
        with pytest.raises(Unsealable):
            driver.sealer.open(MerchantId("other"), cell.place, cell.value)
    for here, there in permutations(found, 2):
        if here.place == there.place:  # a copy in another service: the same thing about the same text or person
            continue
        with pytest.raises(Unsealable) as fault:
            driver.sealer.open(ACME, here.place, there.value)
        assert str(here.place) in fault.value.detail


async def test_two_cells_may_share_a_place_only_where_they_say_the_same_of_the_same(driver: RightsDriver) -> None:
    found = await filled(driver)
    shared: dict[Any, set[str]] = {}
    for cell in found:
        shared.setdefault(cell.place, set()).add(cell.name)
    columns = {frozenset(name.rpartition(".")[2] for name in names) for names in shared.values()}
    assert all(len(each) == 1 for each in columns)
    assert {place.table for place, names in shared.items() if len(names) > 1} <= {"people", "texts"}


def test_every_sealed_field_of_every_event_has_its_place() -> None:
    for kind in registry().values():
        sealed = set(sealed_names(kind))
        reported = make.event(kind).associated_data()
        assert sealed <= reported.keys(), kind.type
        assert len({reported[name] for name in sealed}) == len(sealed)


def sealed_names(kind: type[Part]) -> Sequence[str]:
    found: list[str] = []
    for name, field in kind.model_fields.items():
        alternatives = get_args(field.annotation) or (field.annotation,)
        if bytes in alternatives:
            found.append(name)
        found += [
            inner
            for each in alternatives
            if isinstance(each, type) and issubclass(each, Part)
            for inner in sealed_names(each)
        ]
    return found


async def test_what_an_earlier_version_left_is_bound_when_it_is_sealed_again(driver: RightsDriver) -> None:
    await driver.lived()
    ring = replace(ring_of(driver.sealer), bound_from=2)
    sealer, units = Sealer(ring), driver.harness.runtime.units

    async def unbind(uow: UnitOfWork) -> None:
        for row in await uow.db.rows(sa.select(dispatches)):
            place = aad.text_body(row["follow_up_id"])
            unbound = of_old(ring, ACME, sealer.open(ACME, place, bytes(row["body"])))
            await uow.db.change(dispatches, [{"follow_up_id": row["follow_up_id"], "body": unbound}])

    await units.run(unbind, WritePriority.BATCHES)
    reported = await resealed(units, sealer, SEALED, lambda _table, _progress: None)
    assert (reported.resealed, reported.unreadable) == (1, 0)
    assert all(sealer.is_current(cell.value) for cell in await cells(driver))
