"""Preferences: what a person sees of their standing, and their choice, carried out in the same request."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

import orjson

from services.compliance import store
from services.compliance.ledger import claims
from services.compliance.ledger.standing import PERMISSIONS, Standing
from services.compliance.preferences import store as preferences
from services.compliance.preferences.links import Holder
from services.compliance.preferences.store import NO_PREFERENCE, PAUSE, Preference
from shared import aad, ids
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope
from shared.ids import EventId
from shared.privacy import Sealer


class Choice(StrEnum):
    """What the page offers."""

    STOP_ALL = "stop_all"
    STOP_MARKETING = "stop_marketing"
    PAUSE = "pause"
    FEWER = "fewer"
    USUAL = "usual"
    """End the pause, and as many texts as before."""


@dataclass(frozen=True, slots=True)
class PreferenceView:
    """What the page shows."""

    all_stopped: bool
    marketing_stopped: bool
    marketing_agreed: bool
    paused_until: datetime | None
    is_fewer: bool


@dataclass(frozen=True, slots=True)
class PreferenceService:
    """Reads a person's preferences, and carries out a choice."""

    units: UnitOfWorkRunner
    sealer: Sealer

    async def is_open(self, holder: Holder) -> bool:
        """Return whether a link still opens a page: it may have been revoked."""
        revoked_at = await self.units.read(lambda db: preferences.links_revoked_at(db, holder.recipient_id))
        return revoked_at is None or holder.issued_ms > revoked_at.timestamp() * 1000

    async def view(self, holder: Holder) -> PreferenceView:
        """Return what the page shows of a person now."""
        now = self.units.clock.now()

        async def work(db: Transaction) -> PreferenceView:
            person = (await store.people(db, [holder.recipient_id])).get(holder.recipient_id)
            standing = person.standing if person else Standing()
            chosen = await preferences.chosen(db, [holder.recipient_id])
            preference = chosen.get(holder.recipient_id, NO_PREFERENCE)
            until = preference.paused_until
            return PreferenceView(
                all_stopped=standing.suppression is not None,
                marketing_stopped=standing.marketing.revoked_at is not None,
                marketing_agreed=standing.marketing.consent(now).status in PERMISSIONS,
                paused_until=until if until is not None and until > now else None,
                is_fewer=preference.is_fewer,
            )

        return await self.units.read(work)

    async def choose(self, holder: Holder, choice: Choice, user_agent: str) -> None:
        """Carry out a choice; durable when this returns, and chosen twice is the same as once.

        Stopping is a withdrawal in the ledger (47 CFR 64.1200(a)(10), GDPR articles 7(3) and 21(2)). A pause and fewer
        texts withdraw nothing.
        """
        proof = orjson.dumps({"choice": choice, "user_agent": user_agent[:1000]})

        async def work(uow: UnitOfWork) -> None:
            match choice:
                case Choice.STOP_ALL:
                    await _withdraw(holder, ConsentScope.ALL, proof, self.sealer, uow)
                case Choice.STOP_MARKETING:
                    await _withdraw(holder, ConsentScope.MARKETING, proof, self.sealer, uow)
                case Choice.PAUSE | Choice.FEWER | Choice.USUAL:
                    await store.lock_people(uow.db, {holder.recipient_id: holder.merchant_id}, uow.now)
                    chosen = await preferences.chosen(uow.db, [holder.recipient_id])
                    preference = _after(chosen.get(holder.recipient_id, NO_PREFERENCE), choice, uow.now)
                    await preferences.save(uow.db, holder.merchant_id, holder.recipient_id, preference, uow.now)
                case _:
                    assert_never(choice)

        await self.units.run(work, WritePriority.STOP)


def _after(preference: Preference, choice: Choice, now: datetime) -> Preference:
    """Return the preference after a choice that withdraws nothing."""
    if choice is Choice.PAUSE:
        return replace(preference, paused_until=now + PAUSE)
    return replace(preference, is_fewer=True) if choice is Choice.FEWER else NO_PREFERENCE


async def _withdraw(holder: Holder, scope: ConsentScope, proof: bytes, sealer: Sealer, uow: UnitOfWork) -> None:
    """Enter a withdrawal into the ledger, unless one of the person's own is in force already.

    A withdrawal the shop reported does not replace it: a shop may lift what it reported, never what the person said.
    """
    people = await store.lock_people(uow.db, {holder.recipient_id: holder.merchant_id}, uow.now)
    held = people[holder.recipient_id].standing
    scopes = [held.marketing] if scope is ConsentScope.MARKETING else [held.marketing, held.informational]
    if all(standing.is_stopped for standing in scopes):
        return
    identity = (holder.merchant_id, holder.recipient_id, "preferences", scope, ConsentAct.REVOKED)
    claim_id = EventId(ids.derived(ConsentReported.type, *identity, at=uow.now))
    claim = ConsentReported(
        event_id=claim_id,
        merchant_id=holder.merchant_id,
        recipient_id=holder.recipient_id,
        occurred_at=uow.now,
        correlation_id=str(ids.minted(uow.now)),
        scope=scope,
        act=ConsentAct.REVOKED,
        captured_at=uow.now,
        method="web_form",
        source="preferences",
        first_hand=True,
        evidence=sealer.seal(holder.merchant_id, aad.evidence(claim_id), proof),
    )
    await claims.record([claim], uow)
