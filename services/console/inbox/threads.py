"""Conversations, replies and texts as the inbox shows them. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Final, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, TypeAdapter

REPLY_LIFE: Final = timedelta(hours=24)
"""How long a reply may be answered. Source: compliance section 1, check 5b; the scheduler decides."""
JUST_NOW: Final = timedelta(seconds=60)
"""A reply this young may not be known to the scheduler yet."""
_OPT_OUT: Final = "opt_out"
_MARKS: Final = {
    "queued": ("waiting to be sent", "wait"),
    "intent": ("being sent", "wait"),
    "accepted": ("sent", ""),
    "delivered": ("delivered", "good"),
    "failed": ("not delivered", "bad"),
    "unknown": ("may have been sent", "wait"),
    "lapsed": ("not sent: too late", "bad"),
    "cancelled": ("cancelled", "bad"),
}
_CLASSES: Final = {
    "opt_out": "opted out",
    "opt_in": "opted in again",
    "help": "asked for help",
}
_ENDINGS: Final = {
    "blocked": "It was not sent",
    "expired": "It was not sent in time",
    "cancelled": "It was cancelled",
    "failed": "The provider refused it",
    "unconfirmed": "It was sent; whether it arrived is not known",
    "unknown": "It may have been sent; the provider did not say",
}


class ShownConversation(BaseModel):
    """A person who wrote, as the sender answers it."""

    recipient_id: UUID
    to: str | None
    state: Literal["closed", "read", "unread", "needs_review"]
    unread: int
    newest_at: datetime
    newest_reply_id: UUID
    newest_class: str | None
    newest_text: str | None
    assigned_to: str | None

    @property
    def who(self) -> str:
        """Their number as far as it may be shown."""
        return self.to or "Number no longer kept"


class ShownReview(BaseModel):
    """What somebody decided about a reply."""

    was_opt_out: bool
    at: datetime
    by: str


class ShownReply(BaseModel):
    """What the person wrote."""

    kind: Literal["reply"]
    reply_id: UUID
    at: datetime
    text: str | None
    reply_class: str
    needs_review: bool
    review: ShownReview | None

    @property
    def note(self) -> str:
        """What it was read as; empty where it is no keyword."""
        return _CLASSES.get(self.reply_class, "")


class ShownText(BaseModel):
    """What the person was sent."""

    kind: Literal["text"]
    follow_up_id: UUID
    at: datetime
    text: str | None
    flow: str
    step: str
    purpose: str
    state: str
    parts: int | None

    @property
    def mark(self) -> tuple[str, str]:
        """What became of it, and the tone of that."""
        return _MARKS.get(self.state, (self.state.replace("_", " "), ""))

    @property
    def came_from(self) -> str:
        """Who wrote it: a flow, or somebody here."""
        if self.purpose == "conversation":
            return "your answer"
        return "the API" if self.flow == "api" else self.flow.replace("-", " ").replace("_", " ")


class ShownPermission(BaseModel):
    """What may not be sent to the person."""

    suppressed: str | None
    marketing_suppressed: bool
    informational_suppressed: bool
    needs_review: bool

    @property
    def words(self) -> str:
        """What is not sent, in a sentence; empty where everything may be."""
        if self.suppressed == _OPT_OUT:
            return "They opted out: nothing is sent to them. Only they can lift that, by texting START."
        if self.suppressed is not None:
            return f"Nothing is sent to this number: {self.suppressed.replace('_', ' ')}."
        if self.marketing_suppressed:
            more = " and no news about orders" if self.informational_suppressed else ""
            return f"They opted out of offers: they get no marketing{more}."
        return "Offers to them wait until somebody decides what this reply means." if self.needs_review else ""


class ShownThread(BaseModel):
    """A conversation, and a page of what was written and sent, the newest first."""

    conversation: ShownConversation
    permission: ShownPermission
    items: list[Annotated[ShownReply | ShownText, Field(discriminator="kind")]]
    next_cursor: str | None

    def days(self, zone: ZoneInfo) -> Iterator[tuple[date, Sequence[ShownReply | ShownText]]]:
        """Return the page by days of the shop's clock, as a phone shows it: the newest last."""
        for day, items in groupby(reversed(self.items), key=lambda item: item.at.astimezone(zone).date()):
            yield day, list(items)

    @property
    def undecided(self) -> ShownReply | None:
        """The newest reply that somebody has to decide about."""
        return next((item for item in self.items if item.kind == "reply" and item.needs_review), None)


class AnsweringWindow(NamedTuple):
    """Until when an answer may go, or why none may."""

    until: datetime | None
    reason: str


def answering_window(thread: ShownThread, now: datetime) -> AnsweringWindow:
    """Return until when the person may be answered, as far as their newest reply says; the scheduler decides."""
    talk = thread.conversation
    if thread.permission.suppressed is not None or talk.newest_class == _OPT_OUT:
        return AnsweringWindow(None, "Nobody may write back to them now: they opted out, or their number is blocked.")
    until = min(talk.newest_at, now) + REPLY_LIFE
    if now >= until:
        return AnsweringWindow(
            None, "They wrote more than 24 hours ago. When they write again, you can answer for 24 hours."
        )
    return AnsweringWindow(until, "")


_FOLLOWED: Final = timedelta(seconds=30)


class AskedAnswer(BaseModel):
    """An answer that somebody wrote here, as the scheduler tells what becomes of it."""

    follow_up_id: UUID
    state: str
    reason: str | None
    purpose: str
    due_at: datetime

    @property
    def has_ended(self) -> bool:
        """Whether it is settled that it does not go, or no longer known."""
        return self.state in _ENDINGS

    def is_followed(self, now: datetime) -> bool:
        """Return whether the page looks again by itself: for 30 s, since each look at a thread is on record."""
        return not self.has_ended and abs(now - self.due_at) <= _FOLLOWED

    def words(self, due: str) -> str:
        """Return what becomes of it; `due` is when it is due, as the shop reads it."""
        if self.state in _ENDINGS:
            why = f": {self.reason.replace('_', ' ')}" if self.reason else ""
            return f"{_ENDINGS[self.state]}{why}."
        return f"Your answer is on its way (planned for {due})."


class PreviewedParts(BaseModel):
    """The size of a text."""

    encoding: str
    parts: int
    units: int


class PreviewedAnswer(BaseModel):
    """An answer as it would be sent."""

    text: str
    parts: PreviewedParts
    due_at: datetime


CONVERSATIONS: Final = TypeAdapter(list[ShownConversation])
