"""Claims become ledger entries: appended to each person's chain, folded, and announced when something changed."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from services.compliance import instruments, store
from services.compliance.gate.inputs import Consent
from services.compliance.ledger.entries import LedgerEntry
from services.compliance.ledger.standing import Standing, fold
from services.compliance.store import ChainedEntry, RecipientState
from shared import ids
from shared.chain import GENESIS, chained
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentAct, ConsentChanged, ConsentReported, ScopeSnapshot
from shared.events.follow_up import Purpose
from shared.ids import EventId, RecipientId

_DECISIONS = frozenset({ConsentAct.CONFIRMED, ConsentAct.RESTORED, ConsentAct.REVOKED})
"""What decides an ambiguous reply. A grant does not: shops report grants without having read the reply."""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Instants of claims are limited to this range: a ledger's integers end at 2**53 microseconds, and no claim may be
refused because a platform writes "for ever" as the year 9999."""


async def record(claims: Sequence[ConsentReported], uow: UnitOfWork) -> dict[RecipientId, RecipientState]:
    """Enter claims into the ledger and publish each person's new standing; return the people whose ledger grew.

    A claim the ledger holds already is skipped. Claims of one person are entered in the given order.
    """
    people = await store.lock_people(uow.db, {claim.recipient_id: claim.merchant_id for claim in claims}, uow.now)
    known = await store.known_entries(uow.db, [claim.event_id for claim in claims])
    fresh: dict[RecipientId, dict[EventId, ConsentReported]] = {}
    for claim in claims:
        if claim.event_id not in known:
            fresh.setdefault(claim.recipient_id, {}).setdefault(claim.event_id, claim)
    if not fresh:
        return {}
    chains = await store.entries(uow.db, [key for key in fresh if people[key].chain_hash != GENESIS])
    erased = await store.erased(uow.db, list(fresh))
    added: list[ChainedEntry] = []
    changed: dict[RecipientId, RecipientState] = {}
    for recipient, new in fresh.items():
        chain, person = chains.get(recipient, []), people[recipient]
        grown = _grown(len(chain), person.chain_hash, list(new.values()), erased.get(recipient), uow.now)
        added += grown
        since = person.review_since
        is_settled = since is not None and any(ends_review(link.entry, since) for link in grown)
        changed[recipient] = person._replace(
            standing=fold(link.entry for link in (*chain, *grown)),
            chain_hash=grown[-1].hash,
            review_since=None if is_settled else since,
        )
        uow.publish(_announcement(person.standing, changed[recipient].standing, list(new.values()), uow.now))
    _count([claim for new in fresh.values() for claim in new.values()], uow.now)
    await store.append(uow.db, added)
    await store.save_people(uow.db, changed, uow.now)
    return changed


def ends_review(entry: LedgerEntry, since: datetime) -> bool:
    """Return whether an entry decides an ambiguous reply: an act made after it that leaves no doubt."""
    at = entry.effective_at
    if at is None and entry.act is ConsentAct.REVOKED:
        at = entry.recorded_at
    return entry.act in _DECISIONS and at is not None and at > since


def _grown(
    position: int, head: str, claims: Sequence[ConsentReported], erased_at: datetime | None, now: datetime
) -> list[ChainedEntry]:
    """Return the new entries of a chain; evidence from before an erasure is dropped, however late it arrives."""
    links = []
    for number, claim in enumerate(claims, start=position):
        entry = _entry(claim, now)
        canonical = entry.canonical()
        head = chained(head, canonical)
        forgotten = erased_at is not None and claim.occurred_at <= erased_at
        links.append(ChainedEntry(entry, number, canonical, head, None if forgotten else claim.evidence))
    return links


def _entry(claim: ConsentReported, now: datetime) -> LedgerEntry:
    """Return the entry of a claim."""
    return LedgerEntry(
        entry_id=claim.event_id,
        merchant_id=claim.merchant_id,
        recipient_id=claim.recipient_id,
        act=claim.act,
        scope=claim.scope,
        level=claim.level,
        recorded_at=now,
        method=claim.method,
        source=claim.source,
        captured_at=within_bounds(claim.captured_at),
        expires_at=within_bounds(claim.expires_at),
        disclosure_sha256=claim.disclosure_sha256,
        cause=claim.cause,
        keyword_seq=claim.keyword_seq,
        actor="recipient" if claim.first_hand or _is_by_text(claim) else "system",
        evidence_sha256=hashlib.sha256(claim.evidence).hexdigest() if claim.evidence is not None else None,
    )


def _is_by_text(claim: ConsentReported) -> bool:
    """Return whether the person sent it by text: a keyword, or a reply that somebody read as an opt-out.

    A report from outside has no keyword number; nor has a provider's refusal one of these methods.
    """
    return claim.method in {"keyword", "reply"} and claim.keyword_seq is not None


def within_bounds(at: datetime | None) -> datetime | None:
    """Return an instant in UTC, limited to the years 1970 to 2200, as the ledger keeps it."""
    return None if at is None else min(max(at, _EARLIEST), _LATEST).astimezone(UTC)


def _announcement(
    before: Standing, standing: Standing, claims: Sequence[ConsentReported], now: datetime
) -> ConsentChanged:
    """Return the event that announces what the ledger holds now."""
    newest = claims[-1]
    return ConsentChanged(
        event_id=EventId(ids.derived("consent.changed", newest.recipient_id, standing.epoch, at=newest.occurred_at)),
        merchant_id=newest.merchant_id,
        recipient_id=newest.recipient_id,
        occurred_at=now,
        correlation_id=newest.correlation_id,
        epoch=standing.epoch,
        marketing=scope_standing(standing.consent_for(Purpose.MARKETING, now)),
        informational=scope_standing(standing.informational.consent(now)),
        suppressed=standing.suppression,
        keyword_seq=standing.keyword_seq,
        reports=tuple(claim.event_id for claim in claims),
        scope=newest.scope,
        act=newest.act,
        newly_revoked=_revoked(before) != _revoked(standing),
    )


def _revoked(standing: Standing) -> tuple[bool, bool, bool]:
    """Return which permissions are withdrawn: all, marketing, service texts."""
    return (
        standing.suppression is not None,
        standing.marketing.revoked_at is not None,
        standing.informational.revoked_at is not None,
    )


def scope_standing(consent: Consent) -> ScopeSnapshot:
    """Return what the ledger holds for one scope, as events and the API show it."""
    return ScopeSnapshot(
        status=consent.status.value,
        captured_at=consent.captured_at,
        expires_at=consent.expires_at,
        revoked_at=consent.revoked_at,
    )


def _count(claims: Sequence[ConsentReported], now: datetime) -> None:
    """Count claims, each act once a batch, and measure how long opt-outs took to be recorded."""
    for act, number in Counter(claim.act.value for claim in claims).items():
        instruments.CLAIMS.labels(act).inc(number)
    for claim in claims:
        if claim.act is ConsentAct.REVOKED:
            instruments.REVOCATION_SECONDS.observe(max(0.0, (now - claim.occurred_at).total_seconds()))
