"""Short links and visits in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.sender.engagement.attribution.store import delivered_at, record_clicked
from services.sender.engagement.links.robots import RobotCause
from services.sender.tables import clicks, short_links
from shared import aad, ids
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.engagement import ClickRecorded
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId
from shared.privacy import Sealer

LINK_LIFETIME = timedelta(days=90)
"""The longest click window a merchant's file may set; after it, codes are deleted."""


class LinkOwner(NamedTuple):
    """The text whose links these are."""

    follow_up_id: FollowUpId
    merchant_id: MerchantId
    recipient_id: RecipientId
    correlation_id: str
    click_days: int
    """`SendPolicy.click_days` of the text."""


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link as it was sent, and when its text was delivered."""

    code: str
    owner: LinkOwner
    sealed_target: bytes | None
    """None once the person is erased."""
    created_at: datetime
    expires_at: datetime
    delivered_at: datetime | None


def link_rows(codes: Mapping[str, str], owner: LinkOwner, sealer: Sealer, *, at: datetime) -> list[dict[str, Any]]:
    """Return the rows of a text's links (code by target), sealed; done outside the unit that inserts them."""
    return [
        {
            **owner._asdict(),
            "code": code,
            "target": sealer.seal(owner.merchant_id, aad.link_target(code), target.encode()),
            "created_at": at,
            "expires_at": at + LINK_LIFETIME,
        }
        for target, code in codes.items()
    ]


async def add_links(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Insert links in the intent transaction; a code that exists fails the unit and is never overwritten."""
    await uow.db.insert(short_links, rows)


async def link_of(db: Transaction, code: str) -> StoredLink | None:
    """Return the link with a code; None where there is none."""
    found = await db.fetch(short_links, "code", [code])
    if not found:
        return None
    row = found[0]
    owner = LinkOwner(*(row[name] for name in LinkOwner._fields))
    arrived = await delivered_at(db, owner.follow_up_id)
    return StoredLink(code, owner, row["target"], row["created_at"], row["expires_at"], arrived)


async def record_click(uow: UnitOfWork, link: StoredLink, cause: RobotCause | None) -> bool:
    """Record a visit as a click, publish it, and return whether it was a new one.

    Visits to one link by the same kind of visitor within one calendar minute are one click: a double tap, a reload
    or a flood counts once. Everything derived from clicks counts texts and not visits, so nothing is missed.
    """
    owner, is_robot = link.owner, cause is not None
    minute = uow.now.replace(second=0, microsecond=0)
    click_id = ids.derived("click", link.code, "robot" if is_robot else "person", at=minute)
    row = {"id": click_id, "code": link.code, "at": uow.now, "is_robot": is_robot, "robot_cause": cause}
    (is_new,) = await uow.db.insert_new(clicks, [row])
    if is_new and not is_robot:
        record_clicked(
            uow,
            click_id,
            recipient_id=owner.recipient_id,
            follow_up_id=owner.follow_up_id,
            click_days=owner.click_days,
        )
    if is_new:
        uow.publish(
            ClickRecorded(
                event_id=EventId(ids.derived(ClickRecorded.type, click_id, at=uow.now)),
                merchant_id=owner.merchant_id,
                recipient_id=owner.recipient_id,
                occurred_at=uow.now,
                correlation_id=owner.correlation_id,
                follow_up_id=owner.follow_up_id,
                click_id=click_id,
                link=link.code,
                robot=is_robot,
            )
        )
    return is_new


async def blank_targets(db: Transaction, recipient: RecipientId) -> int:
    """Blank the targets of a person's links, and return how many; they then answer like unknown codes."""
    found = await db.fetch(short_links, "recipient_id", [recipient], columns=["code", "target"])
    with_target = sorted(row["code"] for row in found if row["target"] is not None)
    await db.change(short_links, [{"code": code, "target": None} for code in with_target])
    return len(with_target)
