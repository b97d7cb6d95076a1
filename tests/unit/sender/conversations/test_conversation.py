"""What becomes of a conversation, whatever is written, read, decided and closed, in whatever order."""

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.sender.conversations.conversation import (
    ANSWERED_BY_ITSELF,
    Conversation,
    ConversationState,
    IncomingReply,
    after_closing,
    after_decision,
    after_reading,
    after_reply,
)
from shared.events.engagement import ReplyClass
from shared.ids import MerchantId, RecipientId
from shared.testing import make
from shared.testing.clock import START

PERSON = RecipientId(make.RECIPIENT)
ACME = MerchantId("acme")
STATES = tuple(ConversationState)


def reply(number: int, reply_class: ReplyClass = ReplyClass.OTHER, *, needs_review: bool = False) -> IncomingReply:
    at = START + timedelta(seconds=number)
    return IncomingReply(UUID(int=number), f"SM{number}", at, reply_class, needs_review, b"sealed")


STEPS = st.one_of(
    st.builds(lambda kind, unclear: (kind, unclear), st.sampled_from(ReplyClass), st.booleans()),
    st.sampled_from(["read", "close", "decide"]),
)


@given(st.lists(STEPS, max_size=20))
def test_only_a_decision_ends_what_needs_one_and_unread_is_what_nobody_has_read(steps: list[object]) -> None:
    talk = after_reply(None, PERSON, ACME, reply(0))
    for number, step in enumerate(steps, start=1):
        before = talk
        match step:
            case (ReplyClass() as kind, bool() as unclear):
                talk = after_reply(before, PERSON, ACME, reply(number, kind, needs_review=unclear))
                waits = unclear or kind not in ANSWERED_BY_ITSELF
                assert talk.unread == before.unread + waits
                assert talk.newest_reply_id == UUID(int=number)
                assert STATES.index(talk.state) >= STATES.index(before.state)
            case "read":
                talk = after_reading(before)
            case "close" if before.state is not ConversationState.NEEDS_REVIEW:
                talk = after_closing(before)
            case "decide":
                talk = after_decision(before)
                assert talk.unread == before.unread
        if before.state is ConversationState.NEEDS_REVIEW and step != "decide":
            assert talk.state is ConversationState.NEEDS_REVIEW
        if talk.state is ConversationState.UNREAD:
            assert talk.unread > 0
        if talk.state in {ConversationState.READ, ConversationState.CLOSED}:
            assert talk.unread == 0


def test_who_handles_it_is_kept_when_the_person_writes_again() -> None:
    talk: Conversation = after_reply(None, PERSON, ACME, reply(1))._replace(assigned_to=b"sealed name")
    assert after_reply(talk, PERSON, ACME, reply(2)).assigned_to == b"sealed name"
