"""Who did what to users, and who signed in: entries of the console's audit log.

A user's own name is in them, as in every entry of what they did; of what strangers type, nothing is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from fastapi import Request

from services.console.accounts.browsers import browser_words
from services.console.tables import audit_tables
from shared.audit import Actor, ActorKind, AddressClass, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.db.unit_of_work import UnitOfWork
from shared.ids import MerchantId
from shared.privacy import Sealer


@dataclass(frozen=True, slots=True)
class AccountLog:
    """Enters what is done to users and sessions, in the unit that does it."""

    audit: AuditLog

    @classmethod
    def of(cls, sealer: Sealer) -> Self:
        """Return the log of a process; nothing is sealed with its sealer, because no entry has a reason."""
        return cls(AuditLog(audit_tables, sealer))

    def about_user(
        self,
        uow: UnitOfWork,
        actor: Actor,
        merchant: MerchantId,
        action: AuditAction,
        name: str,
        *,
        fields: tuple[str, ...] = (),
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Enter what somebody did to a user of a merchant."""
        subject = AuditSubject(AuditSubjectKind.USER, name)
        self.audit.record(uow, actor, Deed(merchant, action, subject, fields=fields, counts=counts or {}))

    def about_invitation(
        self,
        uow: UnitOfWork,
        actor: Actor,
        merchant: MerchantId,
        action: AuditAction,
        invitation_id: UUID,
        *,
        fields: tuple[str, ...] = (),
    ) -> None:
        """Enter what somebody did to an invitation of a merchant."""
        subject = AuditSubject(AuditSubjectKind.INVITATION, str(invitation_id))
        self.audit.record(uow, actor, Deed(merchant, action, subject, fields=fields))

    def about_oneself(self, uow: UnitOfWork, actor: Actor, merchant: MerchantId, action: AuditAction) -> None:
        """Enter what a user, or whoever holds an API key, did to their own sign-in."""
        kind = AuditSubjectKind.USER if actor.kind is ActorKind.USER else AuditSubjectKind.API_KEY
        self.audit.record(uow, actor, Deed(merchant, action, AuditSubject(kind, actor.id)))


def browser_of(request: Request) -> str:
    """Return in a few plain words which browser a request says that it comes from."""
    return browser_words(request.headers.get("user-agent", ""))


def origin_of(request: Request) -> AddressClass:
    """Return from where a request came; the address itself is not kept."""
    return AddressClass.of(request.client.host if request.client is not None else "")
