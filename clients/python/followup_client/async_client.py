# Written by `make docs` from docs/reference/openapi.json; make it anew instead of editing it.
"""The API of Followup, for a program with an event loop."""

from collections.abc import Sequence
from datetime import date as Date
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime

from followup_client import models
from followup_client.calls import Call, AsynchronousCalls, segment


class AsyncFollowup(AsynchronousCalls):
    """The API of Followup, for a program with an event loop."""

    async def list_approvals(
        self,
        *,
        state: Literal['open', 'all'] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.ApprovalPage:
        """List what waits for a second person's yes.

        Return the merchant's questions, the newest first; those that are open are at most 100.
        """
        call = Call(
            "GET",
            "/v1/approvals",
            query={"state": state, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.ApprovalPage = await self.answer_of(call, models.ApprovalPage)
        return answer

    async def answer_as_second_person(
        self,
        approval_id: UUID,
        body: models.AnswerRequest,
    ) -> models.ApprovalAnswer:
        """Say yes or no as the second person.

        Answer as the second person; a yes does at once what was asked for, and the same answer again does nothing.

        The texts are counted anew: if they are more than a tenth more than you were shown, the yes is refused with
        the new number. Who asked cannot say yes, and with no takes it back. No key and no command answers.
        """
        call = Call(
            "POST",
            f"/v1/approvals/{segment(approval_id)}/answer",
            body=body,
        )
        answer: models.ApprovalAnswer = await self.answer_of(call, models.ApprovalAnswer)
        return answer

    async def list_compliance_audit(
        self,
        *,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        everything: bool | None = None,
    ) -> models.AuditPage:
        """List who did what, the newest first.

        Return what was done from `since` on and before `until`.
        """
        call = Call(
            "GET",
            "/v1/audit/compliance",
            query={"since": since, "until": until, "limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditPage = await self.answer_of(call, models.AuditPage)
        return answer

    async def list_compliance_audit_days(
        self,
        *,
        limit: int | None = None,
        cursor: Date | None = None,
        everything: bool | None = None,
    ) -> models.AuditDays:
        """List the days of the audit log, with their signed roots.

        Return the days after the one in `cursor`.
        """
        call = Call(
            "GET",
            "/v1/audit/compliance/days",
            query={"limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditDays = await self.answer_of(call, models.AuditDays)
        return answer

    async def get_compliance_audit_day(
        self,
        day: Date,
        *,
        start: int | None = None,
        limit: int | None = None,
        everything: bool | None = None,
    ) -> models.AuditChain:
        """Show the entries of a day as they are chained.

        Return the entries of a day from position `start` on.
        """
        call = Call(
            "GET",
            f"/v1/audit/compliance/days/{segment(day)}",
            query={"start": start, "limit": limit, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditChain = await self.answer_of(call, models.AuditChain)
        return answer

    async def list_connectors_audit(
        self,
        *,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        everything: bool | None = None,
    ) -> models.AuditPage:
        """List who did what, the newest first.

        Return what was done from `since` on and before `until`.
        """
        call = Call(
            "GET",
            "/v1/audit/connectors",
            query={"since": since, "until": until, "limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditPage = await self.answer_of(call, models.AuditPage)
        return answer

    async def list_connectors_audit_days(
        self,
        *,
        limit: int | None = None,
        cursor: Date | None = None,
        everything: bool | None = None,
    ) -> models.AuditDays:
        """List the days of the audit log, with their signed roots.

        Return the days after the one in `cursor`.
        """
        call = Call(
            "GET",
            "/v1/audit/connectors/days",
            query={"limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditDays = await self.answer_of(call, models.AuditDays)
        return answer

    async def get_connectors_audit_day(
        self,
        day: Date,
        *,
        start: int | None = None,
        limit: int | None = None,
        everything: bool | None = None,
    ) -> models.AuditChain:
        """Show the entries of a day as they are chained.

        Return the entries of a day from position `start` on.
        """
        call = Call(
            "GET",
            f"/v1/audit/connectors/days/{segment(day)}",
            query={"start": start, "limit": limit, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditChain = await self.answer_of(call, models.AuditChain)
        return answer

    async def list_console_audit(
        self,
        *,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        everything: bool | None = None,
    ) -> models.AuditPage:
        """List who did what, the newest first.

        Return what was done from `since` on and before `until`.
        """
        call = Call(
            "GET",
            "/v1/audit/console",
            query={"since": since, "until": until, "limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditPage = await self.answer_of(call, models.AuditPage)
        return answer

    async def list_console_audit_days(
        self,
        *,
        limit: int | None = None,
        cursor: Date | None = None,
        everything: bool | None = None,
    ) -> models.AuditDays:
        """List the days of the audit log, with their signed roots.

        Return the days after the one in `cursor`.
        """
        call = Call(
            "GET",
            "/v1/audit/console/days",
            query={"limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditDays = await self.answer_of(call, models.AuditDays)
        return answer

    async def get_console_audit_day(
        self,
        day: Date,
        *,
        start: int | None = None,
        limit: int | None = None,
        everything: bool | None = None,
    ) -> models.AuditChain:
        """Show the entries of a day as they are chained.

        Return the entries of a day from position `start` on.
        """
        call = Call(
            "GET",
            f"/v1/audit/console/days/{segment(day)}",
            query={"start": start, "limit": limit, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditChain = await self.answer_of(call, models.AuditChain)
        return answer

    async def list_ingest_audit(
        self,
        *,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        everything: bool | None = None,
    ) -> models.AuditPage:
        """List who did what, the newest first.

        Return what was done from `since` on and before `until`.
        """
        call = Call(
            "GET",
            "/v1/audit/ingest",
            query={"since": since, "until": until, "limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditPage = await self.answer_of(call, models.AuditPage)
        return answer

    async def list_ingest_audit_days(
        self,
        *,
        limit: int | None = None,
        cursor: Date | None = None,
        everything: bool | None = None,
    ) -> models.AuditDays:
        """List the days of the audit log, with their signed roots.

        Return the days after the one in `cursor`.
        """
        call = Call(
            "GET",
            "/v1/audit/ingest/days",
            query={"limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditDays = await self.answer_of(call, models.AuditDays)
        return answer

    async def get_ingest_audit_day(
        self,
        day: Date,
        *,
        start: int | None = None,
        limit: int | None = None,
        everything: bool | None = None,
    ) -> models.AuditChain:
        """Show the entries of a day as they are chained.

        Return the entries of a day from position `start` on.
        """
        call = Call(
            "GET",
            f"/v1/audit/ingest/days/{segment(day)}",
            query={"start": start, "limit": limit, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditChain = await self.answer_of(call, models.AuditChain)
        return answer

    async def list_metrics_audit(
        self,
        *,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        everything: bool | None = None,
    ) -> models.AuditPage:
        """List who did what, the newest first.

        Return what was done from `since` on and before `until`.
        """
        call = Call(
            "GET",
            "/v1/audit/metrics",
            query={"since": since, "until": until, "limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditPage = await self.answer_of(call, models.AuditPage)
        return answer

    async def list_metrics_audit_days(
        self,
        *,
        limit: int | None = None,
        cursor: Date | None = None,
        everything: bool | None = None,
    ) -> models.AuditDays:
        """List the days of the audit log, with their signed roots.

        Return the days after the one in `cursor`.
        """
        call = Call(
            "GET",
            "/v1/audit/metrics/days",
            query={"limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditDays = await self.answer_of(call, models.AuditDays)
        return answer

    async def get_metrics_audit_day(
        self,
        day: Date,
        *,
        start: int | None = None,
        limit: int | None = None,
        everything: bool | None = None,
    ) -> models.AuditChain:
        """Show the entries of a day as they are chained.

        Return the entries of a day from position `start` on.
        """
        call = Call(
            "GET",
            f"/v1/audit/metrics/days/{segment(day)}",
            query={"start": start, "limit": limit, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditChain = await self.answer_of(call, models.AuditChain)
        return answer

    async def list_scheduler_audit(
        self,
        *,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        everything: bool | None = None,
    ) -> models.AuditPage:
        """List who did what, the newest first.

        Return what was done from `since` on and before `until`.
        """
        call = Call(
            "GET",
            "/v1/audit/scheduler",
            query={"since": since, "until": until, "limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditPage = await self.answer_of(call, models.AuditPage)
        return answer

    async def list_scheduler_audit_days(
        self,
        *,
        limit: int | None = None,
        cursor: Date | None = None,
        everything: bool | None = None,
    ) -> models.AuditDays:
        """List the days of the audit log, with their signed roots.

        Return the days after the one in `cursor`.
        """
        call = Call(
            "GET",
            "/v1/audit/scheduler/days",
            query={"limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditDays = await self.answer_of(call, models.AuditDays)
        return answer

    async def get_scheduler_audit_day(
        self,
        day: Date,
        *,
        start: int | None = None,
        limit: int | None = None,
        everything: bool | None = None,
    ) -> models.AuditChain:
        """Show the entries of a day as they are chained.

        Return the entries of a day from position `start` on.
        """
        call = Call(
            "GET",
            f"/v1/audit/scheduler/days/{segment(day)}",
            query={"start": start, "limit": limit, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditChain = await self.answer_of(call, models.AuditChain)
        return answer

    async def list_sender_audit(
        self,
        *,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        everything: bool | None = None,
    ) -> models.AuditPage:
        """List who did what, the newest first.

        Return what was done from `since` on and before `until`.
        """
        call = Call(
            "GET",
            "/v1/audit/sender",
            query={"since": since, "until": until, "limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditPage = await self.answer_of(call, models.AuditPage)
        return answer

    async def list_sender_audit_days(
        self,
        *,
        limit: int | None = None,
        cursor: Date | None = None,
        everything: bool | None = None,
    ) -> models.AuditDays:
        """List the days of the audit log, with their signed roots.

        Return the days after the one in `cursor`.
        """
        call = Call(
            "GET",
            "/v1/audit/sender/days",
            query={"limit": limit, "cursor": cursor, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditDays = await self.answer_of(call, models.AuditDays)
        return answer

    async def get_sender_audit_day(
        self,
        day: Date,
        *,
        start: int | None = None,
        limit: int | None = None,
        everything: bool | None = None,
    ) -> models.AuditChain:
        """Show the entries of a day as they are chained.

        Return the entries of a day from position `start` on.
        """
        call = Call(
            "GET",
            f"/v1/audit/sender/days/{segment(day)}",
            query={"start": start, "limit": limit, "everything": everything},
            is_repeatable=True,
        )
        answer: models.AuditChain = await self.answer_of(call, models.AuditChain)
        return answer

    async def record_consent(
        self,
        body: models.ConsentBody,
        *,
        idempotency_key: str | None = None,
    ) -> models.LedgerAnswer:
        """Record consent with its evidence."""
        call = Call(
            "POST",
            "/v1/consents",
            idempotency_key=idempotency_key,
            has_key=True,
            body=body,
            is_repeatable=True,
        )
        answer: models.LedgerAnswer = await self.answer_of(call, models.LedgerAnswer)
        return answer

    async def list_consents(
        self,
        *,
        act: models.ConsentAct | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.LedgerPage:
        """List the consent ledger's entries, the newest first.

        List entries, all or those of one act; a page looks at up to 1,000 of them and says how far it came.
        """
        call = Call(
            "GET",
            "/v1/consents",
            query={"act": act, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.LedgerPage = await self.answer_of(call, models.LedgerPage)
        return answer

    async def import_consents(
        self,
        body: models.ImportBody,
    ) -> models.ImportAnswer:
        """Import consents; rows without evidence are refused one by one."""
        call = Call(
            "POST",
            "/v1/consents/imports",
            body=body,
        )
        answer: models.ImportAnswer = await self.answer_of(call, models.ImportAnswer)
        return answer

    async def record_withdrawal(
        self,
        body: models.RevocationBody,
    ) -> models.LedgerAnswer:
        """Record a withdrawal, received anywhere."""
        call = Call(
            "POST",
            "/v1/consents/revoke",
            body=body,
        )
        answer: models.LedgerAnswer = await self.answer_of(call, models.LedgerAnswer)
        return answer

    async def verify_consents(
        self,
        *,
        from_: Date | None = None,
        to: Date | None = None,
    ) -> models.CheckedDays:
        """Check the ledger's chains, daily roots and signatures.

        Check days of the ledger, the newest first: up to 31 days or 5,000 entries at once.
        """
        call = Call(
            "GET",
            "/v1/consents/verification",
            query={"from": from_, "to": to},
            is_repeatable=True,
        )
        answer: models.CheckedDays = await self.answer_of(call, models.CheckedDays)
        return answer

    async def get_contact(
        self,
        recipient_id: UUID,
    ) -> models.MaskedContactAnswer:
        """Show a person's number, masked.

        Show a number masked; 404 where no text to this person is kept any more.
        """
        call = Call(
            "GET",
            f"/v1/contacts/{segment(recipient_id)}",
            is_repeatable=True,
        )
        answer: models.MaskedContactAnswer = await self.answer_of(call, models.MaskedContactAnswer)
        return answer

    async def reveal_contact(
        self,
        recipient_id: UUID,
    ) -> models.ClearContactAnswer:
        """Show a person's number and name in clear.

        Show number and name in clear, for who has `recipients:reveal` too; it is entered before it is shown.
        """
        call = Call(
            "POST",
            f"/v1/contacts/{segment(recipient_id)}/reveal",
        )
        answer: models.ClearContactAnswer = await self.answer_of(call, models.ClearContactAnswer)
        return answer

    async def pause_stop_or_resume(
        self,
        body: models.ControlRequest,
    ) -> models.ControlsChanged:
        """Pause texts, stop them, or let them go on.

        Put a control in force, or lift those on a scope; with `dry_run`, only say how many follow-ups it concerns.

        A resume that lets more texts go than `approvals.release_above` in merchant.yaml does nothing yet: the
        answer has an `approval`, and another user of the console must say yes (409 and 403 say where that cannot
        be).

        What is in force already is answered as it is, so that asking twice is asking once. Of two controls on a
        text the stronger counts: a stop before a pause. Answers to HELP and STOP go out whatever is paused. No
        quota of events refuses it: who is flooded must be able to pause.
        """
        call = Call(
            "POST",
            "/v1/controls",
            body=body,
        )
        answer: models.ControlsChanged = await self.answer_of(call, models.ControlsChanged)
        return answer

    async def list_controls(
        self,
        *,
        state: Literal['in_force', 'all'] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.ControlPage:
        """List what is paused and stopped, or was.

        Return the merchant's controls and those on the whole installation, the newest first.
        """
        call = Call(
            "GET",
            "/v1/controls",
            query={"state": state, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.ControlPage = await self.answer_of(call, models.ControlPage)
        return answer

    async def list_conversations(
        self,
        *,
        state: models.InboxFilter | None = None,
        assigned_to: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.InboxPage:
        """List the people who wrote, what needs a decision first.

        List conversations: those with a reply that needs a decision, then unread ones, then the rest.
        """
        call = Call(
            "GET",
            "/v1/conversations",
            query={"state": state, "assigned_to": assigned_to, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.InboxPage = await self.answer_of(call, models.InboxPage)
        return answer

    async def count_conversations(
        self,
    ) -> models.InboxCounts:
        """Count what waits for somebody.

        Count conversations that need a decision or are unread, up to 100 of each.
        """
        call = Call(
            "GET",
            "/v1/conversations/counts",
            is_repeatable=True,
        )
        answer: models.InboxCounts = await self.answer_of(call, models.InboxCounts)
        return answer

    async def get_conversation(
        self,
        recipient_id: UUID,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.ThreadView:
        """Show what a person wrote and was sent.

        Show a page of replies and of texts from all flows; it does not mark them as read.
        """
        call = Call(
            "GET",
            f"/v1/conversations/{segment(recipient_id)}",
            query={"limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.ThreadView = await self.answer_of(call, models.ThreadView)
        return answer

    async def assign_conversation(
        self,
        recipient_id: UUID,
        body: models.AssigneeBody,
    ) -> models.ConversationView:
        """Say who handles a conversation.

        Say who handles a conversation: a name or id of yours.
        """
        call = Call(
            "POST",
            f"/v1/conversations/{segment(recipient_id)}/assign",
            body=body,
        )
        answer: models.ConversationView = await self.answer_of(call, models.ConversationView)
        return answer

    async def close_conversation(
        self,
        recipient_id: UUID,
        body: models.SeenBody,
    ) -> models.ConversationView:
        """Put a conversation away until the person writes again.

        Put a conversation away; one with a reply that needs a decision cannot be.
        """
        call = Call(
            "POST",
            f"/v1/conversations/{segment(recipient_id)}/close",
            body=body,
        )
        answer: models.ConversationView = await self.answer_of(call, models.ConversationView)
        return answer

    async def mark_conversation_read(
        self,
        recipient_id: UUID,
        body: models.SeenBody,
    ) -> models.ConversationView:
        """Mark a conversation as read.

        Mark a conversation as read, up to the reply that was `seen`.
        """
        call = Call(
            "POST",
            f"/v1/conversations/{segment(recipient_id)}/read",
            body=body,
        )
        answer: models.ConversationView = await self.answer_of(call, models.ConversationView)
        return answer

    async def decide_unclear_reply(
        self,
        recipient_id: UUID,
        body: models.ReviewBody,
    ) -> models.ConversationView:
        """Decide whether an unclear reply was an opt-out.

        Decide whether an unclear reply was an opt-out: then it counts as the person's own; else the hold ends.

        A reply that was read as an opt-out cannot be decided otherwise.
        """
        call = Call(
            "POST",
            f"/v1/conversations/{segment(recipient_id)}/review",
            body=body,
        )
        answer: models.ConversationView = await self.answer_of(call, models.ConversationView)
        return answer

    async def list_decisions(
        self,
        follow_up_id: UUID,
    ) -> dict[str, Any]:
        """List every verdict on one follow-up, with its evidence."""
        call = Call(
            "GET",
            f"/v1/decisions/{segment(follow_up_id)}",
            is_repeatable=True,
        )
        answer: dict[str, Any] = await self.answer_of(call, dict[str, Any])
        return answer

    async def list_deliveries(
        self,
        *,
        state: models.DeliveryFilter | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.DeliveryPage:
        """List notifications, the newest first.

        List notifications, one for each endpoint that is told.
        """
        call = Call(
            "GET",
            "/v1/deliveries",
            query={"state": state, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.DeliveryPage = await self.answer_of(call, models.DeliveryPage)
        return answer

    async def discard_delivery(
        self,
        delivery_id: UUID,
        body: models.DiscardBody,
    ) -> models.DeliveryView:
        """Decide that a notification need not arrive.

        End a notification that is pending or dead; a call that is under way may still arrive.
        """
        call = Call(
            "POST",
            f"/v1/deliveries/{segment(delivery_id)}/discard",
            body=body,
        )
        answer: models.DeliveryView = await self.answer_of(call, models.DeliveryView)
        return answer

    async def redrive_delivery(
        self,
        delivery_id: UUID,
    ) -> models.DeliveryView:
        """Send a notification again that was given up.

        Try a dead notification again from now on, for as long as a new one; the receiver sees the same id.
        """
        call = Call(
            "POST",
            f"/v1/deliveries/{segment(delivery_id)}/redrive",
        )
        answer: models.DeliveryView = await self.answer_of(call, models.DeliveryView)
        return answer

    async def list_unknown_texts(
        self,
        *,
        limit: int | None = None,
        cursor: UUID | None = None,
    ) -> models.UnknownTextPage:
        """List texts of which nobody knows whether they were sent."""
        call = Call(
            "GET",
            "/v1/dispatches/unknown",
            query={"limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.UnknownTextPage = await self.answer_of(call, models.UnknownTextPage)
        return answer

    async def get_dispatch(
        self,
        follow_up_id: UUID,
        *,
        text: bool | None = None,
    ) -> models.DispatchView:
        """Show a cleared follow-up and its attempts."""
        call = Call(
            "GET",
            f"/v1/dispatches/{segment(follow_up_id)}",
            query={"text": text},
            is_repeatable=True,
        )
        answer: models.DispatchView = await self.answer_of(call, models.DispatchView)
        return answer

    async def resolve_unknown_text(
        self,
        follow_up_id: UUID,
        body: models.ResolutionBody,
    ) -> models.ResolutionAnswer:
        """Say whether an unknown text was sent."""
        call = Call(
            "POST",
            f"/v1/dispatches/{segment(follow_up_id)}/resolve",
            body=body,
        )
        answer: models.ResolutionAnswer = await self.answer_of(call, models.ResolutionAnswer)
        return answer

    async def list_endpoints(
        self,
    ) -> models.EndpointList:
        """List the endpoints of merchant.yaml, and how they do.

        List the endpoints that are in force.
        """
        call = Call(
            "GET",
            "/v1/endpoints",
            is_repeatable=True,
        )
        answer: models.EndpointList = await self.answer_of(call, models.EndpointList)
        return answer

    async def test_endpoint(
        self,
        name: str,
    ) -> models.DeliveryView:
        """Send an endpoint a test notification.

        Send a test notification, whatever the endpoint's `events` are; the answer is its delivery.
        """
        call = Call(
            "POST",
            f"/v1/endpoints/{segment(name)}/test",
        )
        answer: models.DeliveryView = await self.answer_of(call, models.DeliveryView)
        return answer

    async def list_enrollments(
        self,
        *,
        flow: str | None = None,
        state: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.RunPage:
        """List people's runs through flows.

        Return who runs, or ran, through which flow; the newest first.
        """
        call = Call(
            "GET",
            "/v1/enrollments",
            query={"flow": flow, "state": state, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.RunPage = await self.answer_of(call, models.RunPage)
        return answer

    async def erase_person_by_number(
        self,
        body: models.StandingBody,
        *,
        idempotency_key: str | None = None,
    ) -> models.RightsRequestTaken:
        """Forget a person, in every service."""
        call = Call(
            "POST",
            "/v1/erasures",
            idempotency_key=idempotency_key,
            has_key=True,
            body=body,
            is_repeatable=True,
        )
        answer: models.RightsRequestTaken = await self.answer_of(call, models.RightsRequestTaken)
        return answer

    async def list_erasures(
        self,
    ) -> models.ErasuresAnswer:
        """List the newest erasures, those that platforms asked for included."""
        call = Call(
            "GET",
            "/v1/erasures",
            is_repeatable=True,
        )
        answer: models.ErasuresAnswer = await self.answer_of(call, models.ErasuresAnswer)
        return answer

    async def get_erasure(
        self,
        request_id: UUID,
    ) -> models.CertificateAnswer:
        """Show the certificate: what was deleted where, by whom and when."""
        call = Call(
            "GET",
            f"/v1/erasures/{segment(request_id)}",
            is_repeatable=True,
        )
        answer: models.CertificateAnswer = await self.answer_of(call, models.CertificateAnswer)
        return answer

    async def report_events(
        self,
        body: models.EventBody | Sequence[models.EventBody],
        *,
        idempotency_key: str | None = None,
    ) -> models.EventsAnswer:
        """Report events."""
        call = Call(
            "POST",
            "/v1/events",
            idempotency_key=idempotency_key,
            has_key=True,
            body=body,
            is_repeatable=True,
        )
        answer: models.EventsAnswer = await self.answer_of(call, models.EventsAnswer)
        return answer

    async def export_person_by_number(
        self,
        body: models.StandingBody,
        *,
        idempotency_key: str | None = None,
    ) -> models.RightsRequestTaken:
        """Collect everything held about a person."""
        call = Call(
            "POST",
            "/v1/exports",
            idempotency_key=idempotency_key,
            has_key=True,
            body=body,
            is_repeatable=True,
        )
        answer: models.RightsRequestTaken = await self.answer_of(call, models.RightsRequestTaken)
        return answer

    async def list_exports(
        self,
    ) -> models.ExportsAnswer:
        """List the newest exports, those that platforms asked for included."""
        call = Call(
            "GET",
            "/v1/exports",
            is_repeatable=True,
        )
        answer: models.ExportsAnswer = await self.answer_of(call, models.ExportsAnswer)
        return answer

    async def get_export(
        self,
        request_id: UUID,
    ) -> models.CopyAnswer:
        """Show the copy, as JSON or CSV (Accept: text/csv)."""
        call = Call(
            "GET",
            f"/v1/exports/{segment(request_id)}",
            is_repeatable=True,
        )
        answer: models.CopyAnswer = await self.answer_of(call, models.CopyAnswer)
        return answer

    async def list_facts(
        self,
        *,
        from_: AwareDatetime | None = None,
        to: AwareDatetime | None = None,
        measure: models.Measure | None = None,
        detail: str | None = None,
        flow: str | None = None,
        day: str | None = None,
        hour: str | None = None,
        weekday: str | None = None,
        segment: str | None = None,
        number: str | None = None,
        provider: str | None = None,
        version: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.FactsAnswer:
        """List the rows behind a number.

        Answer a page of the facts of a window, or of those behind one number; a page looks at 2,500 at most.
        """
        call = Call(
            "GET",
            "/v1/facts",
            query={"from": from_, "to": to, "measure": measure, "detail": detail, "flow": flow, "day": day, "hour": hour, "weekday": weekday, "segment": segment, "number": number, "provider": provider, "version": version, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.FactsAnswer = await self.answer_of(call, models.FactsAnswer)
        return answer

    async def list_flow_figures(
        self,
        *,
        from_: AwareDatetime | None = None,
        to: AwareDatetime | None = None,
        flow: str | None = None,
    ) -> models.FlowFiguresPage:
        """Show what each flow and each of its steps did, and what waits.

        Answer what each flow and each of its steps did in a window, and what waits there now.
        """
        call = Call(
            "GET",
            "/v1/flow-figures",
            query={"from": from_, "to": to, "flow": flow},
            is_repeatable=True,
        )
        answer: models.FlowFiguresPage = await self.answer_of(call, models.FlowFiguresPage)
        return answer

    async def list_flows(
        self,
    ) -> models.FlowList:
        """List the flows in force, and those that were removed.

        Return the flows in force, and those that were removed from the files while texts of them are planned.
        """
        call = Call(
            "GET",
            "/v1/flows",
            is_repeatable=True,
        )
        answer: models.FlowList = await self.answer_of(call, models.FlowList)
        return answer

    async def get_flow(
        self,
        flow: str,
    ) -> models.FlowStory:
        """Show one flow: its rules, and each text as it would be sent.

        Return one flow; one that was removed as the version that began last.
        """
        call = Call(
            "GET",
            f"/v1/flows/{segment(flow)}",
            is_repeatable=True,
        )
        answer: models.FlowStory = await self.answer_of(call, models.FlowStory)
        return answer

    async def check_flow(
        self,
        flow: str,
        body: models.FlowDraft,
    ) -> models.FlowCheckAnswer:
        """Say what is wrong with a flow that is being written.

        Return what is wrong with a flow, by line, and its texts as an invented person would get them.
        """
        call = Call(
            "POST",
            f"/v1/flows/{segment(flow)}/check",
            body=body,
            is_repeatable=True,
        )
        answer: models.FlowCheckAnswer = await self.answer_of(call, models.FlowCheckAnswer)
        return answer

    async def get_flow_file(
        self,
        flow: str,
    ) -> models.FlowFileAnswer:
        """Show the file of a flow.

        Return the file of a flow.
        """
        call = Call(
            "GET",
            f"/v1/flows/{segment(flow)}/file",
            is_repeatable=True,
        )
        answer: models.FlowFileAnswer = await self.answer_of(call, models.FlowFileAnswer)
        return answer

    async def save_flow_file(
        self,
        flow: str,
        body: models.FlowDraft,
        *,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> models.FlowSavedAnswer:
        """Save the file of a flow, if nobody changed it meanwhile.

        Save a file that has no error; the version in force stays until the new one is read.
        """
        call = Call(
            "POST",
            f"/v1/flows/{segment(flow)}/file",
            headers={"If-Match": if_match, "If-None-Match": if_none_match},
            body=body,
        )
        answer: models.FlowSavedAnswer = await self.answer_of(call, models.FlowSavedAnswer)
        return answer

    async def delete_flow_file(
        self,
        flow: str,
        *,
        if_match: str | None = None,
    ) -> models.FlowDeletedAnswer:
        """Delete the file of a flow, if nobody changed it meanwhile.

        Delete a file; what is planned is paused then, as for any flow that is removed.
        """
        call = Call(
            "DELETE",
            f"/v1/flows/{segment(flow)}/file",
            headers={"If-Match": if_match},
            is_repeatable=True,
        )
        answer: models.FlowDeletedAnswer = await self.answer_of(call, models.FlowDeletedAnswer)
        return answer

    async def create_flow_test(
        self,
        flow: str,
        body: models.OwnPhoneBody,
        *,
        idempotency_key: str | None = None,
    ) -> models.PlannedAnswer:
        """Send a text of a flow to a phone of the shop's own, marked as a test.

        Plan the text for now, as `POST /v1/follow-ups` does with `test`.
        """
        call = Call(
            "POST",
            f"/v1/flows/{segment(flow)}/tests",
            idempotency_key=idempotency_key,
            has_key=True,
            body=body,
            is_repeatable=True,
        )
        answer: models.PlannedAnswer = await self.answer_of(call, models.PlannedAnswer)
        return answer

    async def list_flow_versions(
        self,
        flow: str,
    ) -> models.FlowVersionList:
        """List the versions of a flow.

        Return the versions of a flow, the one in force first, then the newest.
        """
        call = Call(
            "GET",
            f"/v1/flows/{segment(flow)}/versions",
            is_repeatable=True,
        )
        answer: models.FlowVersionList = await self.answer_of(call, models.FlowVersionList)
        return answer

    async def enqueue_follow_up(
        self,
        body: models.FollowUpRequest,
        *,
        idempotency_key: str | None = None,
    ) -> models.PlannedAnswer | models.DryRunAnswer:
        """Enqueue a follow-up, or ask what would become of one.

        Plan a text, or a run of a flow, for one person; with `dry_run`, only say what would be planned.
        """
        call = Call(
            "POST",
            "/v1/follow-ups",
            idempotency_key=idempotency_key,
            has_key=True,
            body=body,
            is_repeatable=True,
        )
        answer: models.PlannedAnswer | models.DryRunAnswer = await self.answer_of(call, models.PlannedAnswer | models.DryRunAnswer)
        return answer

    async def list_follow_ups(
        self,
        *,
        subject: str | None = None,
        state: models.FollowUpState | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.FollowUpPage:
        """Find follow-ups by subject and state.

        Return the shop's follow-ups, the newest first.
        """
        call = Call(
            "GET",
            "/v1/follow-ups",
            query={"subject": subject, "state": state, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.FollowUpPage = await self.answer_of(call, models.FollowUpPage)
        return answer

    async def cancel_follow_ups(
        self,
        body: models.CancelRequest,
    ) -> models.CancelAnswer:
        """Cancel several follow-ups, or all of one person.

        Cancel follow-ups and say what became of them; asking twice is asking once.

        Each that is cancelled is an entry of the audit log, with the reason. One that was released already may be
        on its way all the same, as with `DELETE /v1/follow-ups/{follow_up_id}`.
        """
        call = Call(
            "POST",
            "/v1/follow-ups/cancel",
            body=body,
        )
        answer: models.CancelAnswer = await self.answer_of(call, models.CancelAnswer)
        return answer

    async def search_follow_ups(
        self,
        body: models.SearchRequest,
    ) -> models.FollowUpPage:
        """Find a person's follow-ups; the number stays out of the URL.

        Return what is planned for one person; the number travels in the body only.
        """
        call = Call(
            "POST",
            "/v1/follow-ups/search",
            body=body,
            is_repeatable=True,
        )
        answer: models.FollowUpPage = await self.answer_of(call, models.FollowUpPage)
        return answer

    async def get_follow_up(
        self,
        follow_up_id: UUID,
    ) -> models.FollowUpStory:
        """Show one follow-up with every state it was in, and why.

        Return one follow-up with every state it was in, and why.
        """
        call = Call(
            "GET",
            f"/v1/follow-ups/{segment(follow_up_id)}",
            is_repeatable=True,
        )
        answer: models.FollowUpStory = await self.answer_of(call, models.FollowUpStory)
        return answer

    async def cancel_follow_up(
        self,
        follow_up_id: UUID,
    ) -> None:
        """Cancel a follow-up.

        Cancel a follow-up.

        204: it will not go. 202: it was released already; it is cancelled here, and may be on its way all the same.
        409: it was handed to the provider, or has ended otherwise. Asking twice is asking once.
        """
        call = Call(
            "DELETE",
            f"/v1/follow-ups/{segment(follow_up_id)}",
            is_repeatable=True,
        )
        await self.answer_of(call, None)

    async def preview_follow_up(
        self,
        follow_up_id: UUID,
    ) -> models.PreviewAnswer:
        """Show how a planned text would read now.

        Return a pending follow-up's text, rendered with what is stored of its person by the function that sends.

        Nothing is sent, planned or judged; the gate is not asked. Each reading is an entry of the audit log. 404:
        the shop has no such follow-up, or its words are no longer kept. 409: it is not pending any more.
        """
        call = Call(
            "GET",
            f"/v1/follow-ups/{segment(follow_up_id)}/preview",
            is_repeatable=True,
        )
        answer: models.PreviewAnswer = await self.answer_of(call, models.PreviewAnswer)
        return answer

    async def ask_gate(
        self,
        body: dict[str, Any] | Sequence[dict[str, Any]],
    ) -> Any:
        """Ask the gate without sending anything; one question or a list."""
        call = Call(
            "POST",
            "/v1/gate/evaluations",
            body=body,
            is_repeatable=True,
        )
        answer: Any = await self.answer_of(call, Any)
        return answer

    async def list_holds(
        self,
    ) -> dict[str, Any]:
        """Show what limits texts to new people and the day's spending, and which limit is met."""
        call = Call(
            "GET",
            "/v1/holds",
            is_repeatable=True,
        )
        answer: dict[str, Any] = await self.answer_of(call, dict[str, Any])
        return answer

    async def release_holds(
        self,
    ) -> dict[str, Any]:
        """Release texts to new people that neighbouring numbers held."""
        call = Call(
            "POST",
            "/v1/holds/release",
        )
        answer: dict[str, Any] = await self.answer_of(call, dict[str, Any])
        return answer

    async def get_journey(
        self,
        follow_up_id: UUID,
    ) -> models.JourneyAnswer:
        """Show one follow-up's story.

        Answer one follow-up's story.
        """
        call = Call(
            "GET",
            f"/v1/journeys/{segment(follow_up_id)}",
            is_repeatable=True,
        )
        answer: models.JourneyAnswer = await self.answer_of(call, models.JourneyAnswer)
        return answer

    async def list_kpis(
        self,
        *,
        from_: AwareDatetime | None = None,
        to: AwareDatetime | None = None,
        by: models.Dimension | None = None,
        cac_minor: int | None = None,
    ) -> models.KPIsAnswer:
        """List figures with formula, parts, and the rows behind each.

        Answer the figures of a window, together or by a dimension.
        """
        call = Call(
            "GET",
            "/v1/kpis",
            query={"from": from_, "to": to, "by": by, "cac_minor": cac_minor},
            is_repeatable=True,
        )
        answer: models.KPIsAnswer = await self.answer_of(call, models.KPIsAnswer)
        return answer

    async def list_messages(
        self,
        *,
        state: models.FollowUpState | None = None,
        reason: str | None = None,
        flow: str | None = None,
        number: str | None = None,
        provider: str | None = None,
        from_: AwareDatetime | None = None,
        to: AwareDatetime | None = None,
        recipient: UUID | None = None,
        id: list[UUID] | None = None,
        limit: int | None = None,
        cursor: UUID | None = None,
    ) -> models.MessagesAnswer:
        """List every follow-up, the newest first, by filter.

        List follow-ups, the newest first; a page looks at 20,000 at most and says how far back that was.
        """
        call = Call(
            "GET",
            "/v1/messages",
            query={"state": state, "reason": reason, "flow": flow, "number": number, "provider": provider, "from": from_, "to": to, "recipient": recipient, "id": id, "limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.MessagesAnswer = await self.answer_of(call, models.MessagesAnswer)
        return answer

    async def list_numbers(
        self,
    ) -> models.NumberList:
        """Show whether a merchant's numbers send, what waits, and what goes wrong."""
        call = Call(
            "GET",
            "/v1/numbers",
            is_repeatable=True,
        )
        answer: models.NumberList = await self.answer_of(call, models.NumberList)
        return answer

    async def get_overview(
        self,
        *,
        span: models.OverviewPeriod | None = None,
    ) -> models.OverviewAnswer:
        """Show what is happening now, and the period before.

        Answer what is happening now, from one snapshot, beside the period before.
        """
        call = Call(
            "GET",
            "/v1/overview",
            query={"span": span},
            is_repeatable=True,
        )
        answer: models.OverviewAnswer = await self.answer_of(call, models.OverviewAnswer)
        return answer

    async def list_compliance_parked_events(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        of_no_merchant: bool | None = None,
    ) -> models.ParkedPage:
        """List events that compliance could not handle, the oldest first.

        List parked events: which, of what type, since when and why; nothing of what they hold.
        """
        call = Call(
            "GET",
            "/v1/parked/compliance",
            query={"limit": limit, "cursor": cursor, "of_no_merchant": of_no_merchant},
            is_repeatable=True,
        )
        answer: models.ParkedPage = await self.answer_of(call, models.ParkedPage)
        return answer

    async def discard_compliance_parked_events(
        self,
        body: models.ParkedDiscardBody,
    ) -> models.ParkedDiscarded:
        """Discard parked events of compliance, with a reason.

        Delete events without handling them; never those about consent and rights.
        """
        call = Call(
            "POST",
            "/v1/parked/compliance/discard",
            body=body,
        )
        answer: models.ParkedDiscarded = await self.answer_of(call, models.ParkedDiscarded)
        return answer

    async def redrive_compliance_parked_events(
        self,
        body: models.ParkedRedriveBody,
    ) -> models.ParkedRedriveAnswer:
        """Let compliance handle parked events again, in order.

        Handle events again, each in a unit of its own, the oldest first; one that fails again keeps no other's.
        """
        call = Call(
            "POST",
            "/v1/parked/compliance/redrive",
            body=body,
        )
        answer: models.ParkedRedriveAnswer = await self.answer_of(call, models.ParkedRedriveAnswer)
        return answer

    async def list_connectors_parked_events(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        of_no_merchant: bool | None = None,
    ) -> models.ParkedPage:
        """List events that connectors could not handle, the oldest first.

        List parked events: which, of what type, since when and why; nothing of what they hold.
        """
        call = Call(
            "GET",
            "/v1/parked/connectors",
            query={"limit": limit, "cursor": cursor, "of_no_merchant": of_no_merchant},
            is_repeatable=True,
        )
        answer: models.ParkedPage = await self.answer_of(call, models.ParkedPage)
        return answer

    async def discard_connectors_parked_events(
        self,
        body: models.ParkedDiscardBody,
    ) -> models.ParkedDiscarded:
        """Discard parked events of connectors, with a reason.

        Delete events without handling them; never those about consent and rights.
        """
        call = Call(
            "POST",
            "/v1/parked/connectors/discard",
            body=body,
        )
        answer: models.ParkedDiscarded = await self.answer_of(call, models.ParkedDiscarded)
        return answer

    async def redrive_connectors_parked_events(
        self,
        body: models.ParkedRedriveBody,
    ) -> models.ParkedRedriveAnswer:
        """Let connectors handle parked events again, in order.

        Handle events again, each in a unit of its own, the oldest first; one that fails again keeps no other's.
        """
        call = Call(
            "POST",
            "/v1/parked/connectors/redrive",
            body=body,
        )
        answer: models.ParkedRedriveAnswer = await self.answer_of(call, models.ParkedRedriveAnswer)
        return answer

    async def list_ingest_parked_events(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        of_no_merchant: bool | None = None,
    ) -> models.ParkedPage:
        """List events that ingest could not handle, the oldest first.

        List parked events: which, of what type, since when and why; nothing of what they hold.
        """
        call = Call(
            "GET",
            "/v1/parked/ingest",
            query={"limit": limit, "cursor": cursor, "of_no_merchant": of_no_merchant},
            is_repeatable=True,
        )
        answer: models.ParkedPage = await self.answer_of(call, models.ParkedPage)
        return answer

    async def discard_ingest_parked_events(
        self,
        body: models.ParkedDiscardBody,
    ) -> models.ParkedDiscarded:
        """Discard parked events of ingest, with a reason.

        Delete events without handling them; never those about consent and rights.
        """
        call = Call(
            "POST",
            "/v1/parked/ingest/discard",
            body=body,
        )
        answer: models.ParkedDiscarded = await self.answer_of(call, models.ParkedDiscarded)
        return answer

    async def redrive_ingest_parked_events(
        self,
        body: models.ParkedRedriveBody,
    ) -> models.ParkedRedriveAnswer:
        """Let ingest handle parked events again, in order.

        Handle events again, each in a unit of its own, the oldest first; one that fails again keeps no other's.
        """
        call = Call(
            "POST",
            "/v1/parked/ingest/redrive",
            body=body,
        )
        answer: models.ParkedRedriveAnswer = await self.answer_of(call, models.ParkedRedriveAnswer)
        return answer

    async def list_metrics_parked_events(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        of_no_merchant: bool | None = None,
    ) -> models.ParkedPage:
        """List events that metrics could not handle, the oldest first.

        List parked events: which, of what type, since when and why; nothing of what they hold.
        """
        call = Call(
            "GET",
            "/v1/parked/metrics",
            query={"limit": limit, "cursor": cursor, "of_no_merchant": of_no_merchant},
            is_repeatable=True,
        )
        answer: models.ParkedPage = await self.answer_of(call, models.ParkedPage)
        return answer

    async def discard_metrics_parked_events(
        self,
        body: models.ParkedDiscardBody,
    ) -> models.ParkedDiscarded:
        """Discard parked events of metrics, with a reason.

        Delete events without handling them; never those about consent and rights.
        """
        call = Call(
            "POST",
            "/v1/parked/metrics/discard",
            body=body,
        )
        answer: models.ParkedDiscarded = await self.answer_of(call, models.ParkedDiscarded)
        return answer

    async def redrive_metrics_parked_events(
        self,
        body: models.ParkedRedriveBody,
    ) -> models.ParkedRedriveAnswer:
        """Let metrics handle parked events again, in order.

        Handle events again, each in a unit of its own, the oldest first; one that fails again keeps no other's.
        """
        call = Call(
            "POST",
            "/v1/parked/metrics/redrive",
            body=body,
        )
        answer: models.ParkedRedriveAnswer = await self.answer_of(call, models.ParkedRedriveAnswer)
        return answer

    async def list_scheduler_parked_events(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        of_no_merchant: bool | None = None,
    ) -> models.ParkedPage:
        """List events that scheduler could not handle, the oldest first.

        List parked events: which, of what type, since when and why; nothing of what they hold.
        """
        call = Call(
            "GET",
            "/v1/parked/scheduler",
            query={"limit": limit, "cursor": cursor, "of_no_merchant": of_no_merchant},
            is_repeatable=True,
        )
        answer: models.ParkedPage = await self.answer_of(call, models.ParkedPage)
        return answer

    async def discard_scheduler_parked_events(
        self,
        body: models.ParkedDiscardBody,
    ) -> models.ParkedDiscarded:
        """Discard parked events of scheduler, with a reason.

        Delete events without handling them; never those about consent and rights.
        """
        call = Call(
            "POST",
            "/v1/parked/scheduler/discard",
            body=body,
        )
        answer: models.ParkedDiscarded = await self.answer_of(call, models.ParkedDiscarded)
        return answer

    async def redrive_scheduler_parked_events(
        self,
        body: models.ParkedRedriveBody,
    ) -> models.ParkedRedriveAnswer:
        """Let scheduler handle parked events again, in order.

        Handle events again, each in a unit of its own, the oldest first; one that fails again keeps no other's.
        """
        call = Call(
            "POST",
            "/v1/parked/scheduler/redrive",
            body=body,
        )
        answer: models.ParkedRedriveAnswer = await self.answer_of(call, models.ParkedRedriveAnswer)
        return answer

    async def list_sender_parked_events(
        self,
        *,
        limit: int | None = None,
        cursor: int | None = None,
        of_no_merchant: bool | None = None,
    ) -> models.ParkedPage:
        """List events that sender could not handle, the oldest first.

        List parked events: which, of what type, since when and why; nothing of what they hold.
        """
        call = Call(
            "GET",
            "/v1/parked/sender",
            query={"limit": limit, "cursor": cursor, "of_no_merchant": of_no_merchant},
            is_repeatable=True,
        )
        answer: models.ParkedPage = await self.answer_of(call, models.ParkedPage)
        return answer

    async def discard_sender_parked_events(
        self,
        body: models.ParkedDiscardBody,
    ) -> models.ParkedDiscarded:
        """Discard parked events of sender, with a reason.

        Delete events without handling them; never those about consent and rights.
        """
        call = Call(
            "POST",
            "/v1/parked/sender/discard",
            body=body,
        )
        answer: models.ParkedDiscarded = await self.answer_of(call, models.ParkedDiscarded)
        return answer

    async def redrive_sender_parked_events(
        self,
        body: models.ParkedRedriveBody,
    ) -> models.ParkedRedriveAnswer:
        """Let sender handle parked events again, in order.

        Handle events again, each in a unit of its own, the oldest first; one that fails again keeps no other's.
        """
        call = Call(
            "POST",
            "/v1/parked/sender/redrive",
            body=body,
        )
        answer: models.ParkedRedriveAnswer = await self.answer_of(call, models.ParkedRedriveAnswer)
        return answer

    async def list_providers(
        self,
    ) -> models.ProviderList:
        """Show whether a merchant's provider accounts can be used, and what goes wrong."""
        call = Call(
            "GET",
            "/v1/providers",
            is_repeatable=True,
        )
        answer: models.ProviderList = await self.answer_of(call, models.ProviderList)
        return answer

    async def list_quarantine(
        self,
        *,
        limit: int | None = None,
        cursor: UUID | None = None,
    ) -> models.QuarantinePage:
        """List genuine deliveries that could not be read, the newest first."""
        call = Call(
            "GET",
            "/v1/quarantine",
            query={"limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.QuarantinePage = await self.answer_of(call, models.QuarantinePage)
        return answer

    async def discard_quarantine(
        self,
        body: models.QuarantineDiscardBody,
    ) -> models.QuarantineDiscarded:
        """Discard deliveries that need not be read, with a reason."""
        call = Call(
            "POST",
            "/v1/quarantine/discard",
            body=body,
        )
        answer: models.QuarantineDiscarded = await self.answer_of(call, models.QuarantineDiscarded)
        return answer

    async def redrive_quarantine(
        self,
        body: models.RedriveBody,
    ) -> models.RedriveAnswer:
        """Read deliveries again, after the cause was mended."""
        call = Call(
            "POST",
            "/v1/quarantine/redrive",
            body=body,
        )
        answer: models.RedriveAnswer = await self.answer_of(call, models.RedriveAnswer)
        return answer

    async def look_up_recipient(
        self,
        body: models.LookupRequest,
    ) -> models.LookupAnswer:
        """Look up the recipient id of a number, which stays out of the URL.

        Return the recipient id of a number. Each lookup is an entry of the audit log, without the number.
        """
        call = Call(
            "POST",
            "/v1/recipients/lookup",
            body=body,
            is_repeatable=True,
        )
        answer: models.LookupAnswer = await self.answer_of(call, models.LookupAnswer)
        return answer

    async def revoke_preference_links_by_number(
        self,
        body: models.StandingBody,
    ) -> dict[str, Any]:
        """Revoke every preference link of a person."""
        call = Call(
            "POST",
            "/v1/recipients/preference-links/revoke",
            body=body,
        )
        answer: dict[str, Any] = await self.answer_of(call, dict[str, Any])
        return answer

    async def look_up_standing(
        self,
        body: models.StandingBody,
    ) -> dict[str, Any]:
        """Show what the ledger holds about a number."""
        call = Call(
            "POST",
            "/v1/recipients/standing",
            body=body,
            is_repeatable=True,
        )
        answer: dict[str, Any] = await self.answer_of(call, dict[str, Any])
        return answer

    async def list_unassigned_replies(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.UnassignedPage:
        """List replies without a known recipient, the newest first."""
        call = Call(
            "GET",
            "/v1/replies/unassigned",
            query={"limit": limit, "cursor": cursor},
            is_repeatable=True,
        )
        answer: models.UnassignedPage = await self.answer_of(call, models.UnassignedPage)
        return answer

    async def assign_reply(
        self,
        reply_id: str,
        body: models.AssignmentBody,
    ) -> models.Assigned:
        """Assign a reply to a person; a STOP acts at once."""
        call = Call(
            "POST",
            f"/v1/replies/unassigned/{segment(reply_id)}/assign",
            body=body,
        )
        answer: models.Assigned = await self.answer_of(call, models.Assigned)
        return answer

    async def dismiss_reply(
        self,
        reply_id: str,
        body: models.Dismissal,
    ) -> models.Dismissed:
        """Delete a reply that belongs to no one."""
        call = Call(
            "POST",
            f"/v1/replies/unassigned/{segment(reply_id)}/dismiss",
            body=body,
        )
        answer: models.Dismissed = await self.answer_of(call, models.Dismissed)
        return answer

    async def list_saved_answers(
        self,
    ) -> models.SavedAnswerList:
        """List the answers that are kept.

        Return what is kept.
        """
        call = Call(
            "GET",
            "/v1/saved-answers",
            is_repeatable=True,
        )
        answer: models.SavedAnswerList = await self.answer_of(call, models.SavedAnswerList)
        return answer

    async def create_saved_answer(
        self,
        body: models.SavedAnswerBody,
    ) -> models.SavedAnswerView:
        """Keep an answer, or replace the one of this title.

        Keep an answer; the same one twice is one.
        """
        call = Call(
            "POST",
            "/v1/saved-answers",
            body=body,
        )
        answer: models.SavedAnswerView = await self.answer_of(call, models.SavedAnswerView)
        return answer

    async def delete_saved_answer(
        self,
        answer_id: UUID,
    ) -> None:
        """Remove a kept answer.

        Remove an answer; texts that were sent with it stay.
        """
        call = Call(
            "DELETE",
            f"/v1/saved-answers/{segment(answer_id)}",
            is_repeatable=True,
        )
        await self.answer_of(call, None)

    async def list_sources(
        self,
    ) -> models.SourceList:
        """Show whether a merchant's sources bring anything, and what becomes of it."""
        call = Call(
            "GET",
            "/v1/sources",
            is_repeatable=True,
        )
        answer: models.SourceList = await self.answer_of(call, models.SourceList)
        return answer

    async def get_standing(
        self,
        recipient_id: UUID,
    ) -> models.PersonStandingAnswer:
        """Show what the ledger holds about a person, by recipient id.

        Show a person's consents for each purpose, and the entries that they follow from.
        """
        call = Call(
            "GET",
            f"/v1/standings/{segment(recipient_id)}",
            is_repeatable=True,
        )
        answer: models.PersonStandingAnswer = await self.answer_of(call, models.PersonStandingAnswer)
        return answer

    async def record_witnessed_consent(
        self,
        recipient_id: UUID,
        body: models.GivenConsentBody,
    ) -> models.LedgerAnswer:
        """Record a consent that the shop witnessed, by recipient id.

        Record what a person agreed to before somebody of the shop; refused where it would not count.

        The same consent entered twice is one entry.
        """
        call = Call(
            "POST",
            f"/v1/standings/{segment(recipient_id)}/consent",
            body=body,
        )
        answer: models.LedgerAnswer = await self.answer_of(call, models.LedgerAnswer)
        return answer

    async def erase_person(
        self,
        recipient_id: UUID,
        *,
        idempotency_key: str | None = None,
    ) -> models.RightsRequestTaken:
        """Forget a person, in every service, by recipient id."""
        call = Call(
            "POST",
            f"/v1/standings/{segment(recipient_id)}/erasure",
            idempotency_key=idempotency_key,
            has_key=True,
            is_repeatable=True,
        )
        answer: models.RightsRequestTaken = await self.answer_of(call, models.RightsRequestTaken)
        return answer

    async def export_person(
        self,
        recipient_id: UUID,
        *,
        idempotency_key: str | None = None,
    ) -> models.RightsRequestTaken:
        """Collect everything held about a person, by recipient id."""
        call = Call(
            "POST",
            f"/v1/standings/{segment(recipient_id)}/export",
            idempotency_key=idempotency_key,
            has_key=True,
            is_repeatable=True,
        )
        answer: models.RightsRequestTaken = await self.answer_of(call, models.RightsRequestTaken)
        return answer

    async def opt_out_person(
        self,
        recipient_id: UUID,
        body: models.OptOutBody,
    ) -> models.LedgerAnswer:
        """Opt a person out, by recipient id.

        Record a withdrawal that was received anywhere; it counts at once, and asking twice changes nothing more.
        """
        call = Call(
            "POST",
            f"/v1/standings/{segment(recipient_id)}/opt-out",
            body=body,
        )
        answer: models.LedgerAnswer = await self.answer_of(call, models.LedgerAnswer)
        return answer

    async def revoke_preference_links(
        self,
        recipient_id: UUID,
    ) -> models.RevokedLinksAnswer:
        """Revoke every preference link of a person, by recipient id.

        Revoke the links that others may have by now; the person's page opens by those made later.
        """
        call = Call(
            "POST",
            f"/v1/standings/{segment(recipient_id)}/preference-links/revoke",
        )
        answer: models.RevokedLinksAnswer = await self.answer_of(call, models.RevokedLinksAnswer)
        return answer

    async def get_timeline(
        self,
        recipient_id: UUID,
    ) -> models.TimelineAnswer:
        """Show what happened to a person.

        Answer what happened to a person, the newest 100 things first.
        """
        call = Call(
            "GET",
            f"/v1/timelines/{segment(recipient_id)}",
            is_repeatable=True,
        )
        answer: models.TimelineAnswer = await self.answer_of(call, models.TimelineAnswer)
        return answer

    async def create_trial_event(
        self,
        body: models.TrialEventBody,
        *,
        idempotency_key: str | None = None,
    ) -> Any:
        """Let something happen to a phone of the shop's own.

        Record the event as one of `POST /v1/events` with `test`: flows start, no figure counts it.
        """
        call = Call(
            "POST",
            "/v1/trial-events",
            idempotency_key=idempotency_key,
            has_key=True,
            body=body,
            is_repeatable=True,
        )
        answer: Any = await self.answer_of(call, Any)
        return answer
