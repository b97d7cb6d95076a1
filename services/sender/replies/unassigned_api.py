"""HTTP routes of replies without a known recipient; only keys that may decide about them see their content."""

import base64
import binascii
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.sender.replies.store import DIGEST_BYTES, END
from services.sender.replies.unassigned import MOST_LISTED, NotAssignable, UnassignedReplies, UnassignedReply
from shared import phone
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.model import Flag
from shared.http.auth import Caller, SignedInRoute, requires
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.phone import E164
from shared.unix_time import instant, microseconds

READS, DECIDES = "replies:read", "replies:write"

Reader = Annotated[Caller, Depends(requires(READS))]
Decider = Annotated[Caller, Depends(requires(DECIDES))]
ReplyId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="As the list names it.")]


class UnassignedView(BaseModel):
    """A reply without a known recipient."""

    id: str
    provider: str
    reason: str = Field(description="sender_unknown, not_our_number or incomplete.")
    reply_class: str
    received_at: datetime
    fields: dict[str, str] | None = Field(
        description="What the provider delivered, with sender and text; null for keys without `replies:write`."
    )


class UnassignedPage(BaseModel):
    """The newest first."""

    replies: list[UnassignedView]
    next_cursor: str | None


class AssignmentBody(BaseModel):
    """The person and merchant to assign a reply to."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"to": "+12125550123", "merchant": "acme"}]}
    )

    to: str | None = Field(None, max_length=40, description="The person's number; by default the reply's sender.")
    merchant: str | None = Field(None, max_length=64, description="Whom it counts for; the operator may name any.")


class Assigned(BaseModel):
    """The class of an assigned reply; an opt-out acts from now on."""

    reply_class: str
    merchant: str


class Dismissal(BaseModel):
    """Confirms that a reply belongs to no one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"although_opt_out": False}]},
    )

    although_opt_out: Flag = Field(default=False, description="Required where the reply reads as an opt-out.")


class Dismissed(BaseModel):
    """The reply was deleted."""

    dismissed: bool = True


def create_router(unassigned: UnassignedReplies, merchants: MerchantDirectory) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["inbox"], route_class=SignedInRoute)

    @router.get("/v1/replies/unassigned", summary="List replies without a known recipient, the newest first")
    async def listed(
        caller: Reader,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
    ) -> UnassignedPage:
        found = await unassigned.listed(caller.merchant.id, END if cursor is None else _from(cursor), limit + 1)
        shown = found[:limit]
        opened = caller.may(DECIDES)
        if opened and shown:
            await unassigned.revealed(caller, len(shown))
        return UnassignedPage(
            replies=[_view(each, opened=opened) for each in shown],
            next_cursor=_cursor(shown[-1]) if len(found) > limit else None,
        )

    @router.post("/v1/replies/unassigned/{reply_id}/assign", summary="Assign a reply to a person; a STOP acts at once")
    async def assign(reply_id: ReplyId, body: AssignmentBody, caller: Decider) -> Assigned:
        reply = await _found(unassigned, caller, reply_id)
        merchant = chosen_merchant(caller, body.merchant, merchants)
        to = None if body.to is None else _number(body.to, merchant)
        try:
            read = await unassigned.assign(caller, reply, merchant, to)
        except NotAssignable as fault:
            raise HTTPProblem(HTTPStatus.CONFLICT, fault.code, fault.detail) from None
        return Assigned(reply_class=read, merchant=merchant.id)

    @router.post("/v1/replies/unassigned/{reply_id}/dismiss", summary="Delete a reply that belongs to no one")
    async def dismiss(reply_id: ReplyId, body: Dismissal, caller: Decider) -> Dismissed:
        reply = await _found(unassigned, caller, reply_id)
        if reply.stored.reply_class == "opt_out" and not body.although_opt_out:
            raise HTTPProblem(
                HTTPStatus.CONFLICT,
                "reads_as_opt_out",
                "this reply reads as an opt-out; assign it to its person, or dismiss it with although_opt_out: true",
            )
        await unassigned.dismiss(caller, reply)
        return Dismissed()

    return router


async def _found(unassigned: UnassignedReplies, caller: Caller, reply_id: str) -> UnassignedReply:
    reply = await unassigned.find(caller.merchant.id, reply_id)
    if reply is None:
        raise not_found("the reply")
    return reply


def chosen_merchant(caller: Caller, named: str | None, merchants: MerchantDirectory) -> Merchant:
    """Return the merchant a reply counts for: a key speaks for its own merchant, the operator for every one."""
    if named is None or named == caller.merchant.id:
        return caller.merchant
    if not caller.is_operator:
        raise HTTPProblem(HTTPStatus.FORBIDDEN, "wrong_merchant", "this key speaks for another merchant")
    found = merchants.get(named)
    if found is None:
        raise unprocessable("merchant", f"there is no merchant {named}")
    return found


def _number(written: str, merchant: Merchant) -> E164:
    number = phone.parse(written, merchant.config.country)
    if isinstance(number, phone.Unparsable):
        raise unprocessable("to", "cannot be used as a telephone number; write it with + and its country")
    return number


def _view(reply: UnassignedReply, *, opened: bool) -> UnassignedView:
    return UnassignedView(**reply.stored._asdict(), id=reply.id, fields=reply.form if opened else None)


def _cursor(last: UnassignedReply) -> str:
    """Return the cursor of the page after this reply."""
    place = microseconds(last.stored.received_at).to_bytes(8, "big")
    return base64.urlsafe_b64encode(place + last.stored.digest).rstrip(b"=").decode()


def _from(cursor: str) -> tuple[datetime, bytes]:
    """Return where the page of a cursor begins."""
    try:
        place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at = instant(int.from_bytes(place[:8], "big"))
    except (ValueError, OverflowError, binascii.Error):
        place = b""
    if len(place) != 8 + DIGEST_BYTES:
        raise unprocessable("cursor", "not a cursor that this list returned")
    return at, place[8:]
