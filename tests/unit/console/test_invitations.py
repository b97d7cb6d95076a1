"""How an invitation stands: what was done with it is said before what has happened since."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.console.accounts.invitation_store import StoredInvitation
from services.console.accounts.invitations import OPERATOR, InvitationState, state_of
from services.console.accounts.user_store import StoredUser
from shared.ids import MerchantId
from shared.testing.clock import FakeClock

NOW = FakeClock().now()
ACME, BOLT = MerchantId("acme"), MerchantId("bolt")
ANNA = StoredUser("anna", ACME, "owner", "hash", uuid4(), NOW - timedelta(days=9), NOW - timedelta(days=1))
MADE = StoredInvitation(uuid4(), b"hash", ACME, "support", "user:anna", NOW, NOW + timedelta(hours=72), "", "")
LAST = MADE.ends_at - timedelta(microseconds=1)


def test_a_fresh_one_is_open_until_the_instant_it_ends() -> None:
    assert state_of(MADE, ANNA, NOW) is InvitationState.OPEN
    assert state_of(MADE, ANNA, LAST) is InvitationState.OPEN
    assert state_of(MADE, ANNA, MADE.ends_at) is InvitationState.EXPIRED


@pytest.mark.parametrize(
    "inviter",
    [
        None,
        replace(ANNA, role="viewer"),
        replace(ANNA, merchant_id=BOLT),
        replace(ANNA, made_at=NOW + timedelta(seconds=1)),
    ],
    ids=["removed", "owner no more", "of another shop", "another user of the same name"],
)
def test_it_is_good_only_while_the_same_inviter_is_an_owner(inviter: StoredUser | None) -> None:
    assert state_of(MADE, inviter, NOW) is InvitationState.INVITER_GONE


def test_the_operators_needs_no_user_and_is_no_users_of_that_name() -> None:
    by_command = replace(MADE, made_by=OPERATOR)
    assert state_of(by_command, None, NOW) is InvitationState.OPEN
    assert state_of(replace(MADE, made_by="user:operator"), None, NOW) is InvitationState.INVITER_GONE


def test_what_became_of_it_is_said_first() -> None:
    used, withdrawn = replace(MADE, outcome="used", used_by="bo"), replace(MADE, outcome="withdrawn")
    for now in (NOW, MADE.ends_at):
        assert state_of(used, None, now, shop_is_here=False) is InvitationState.USED
        assert state_of(withdrawn, None, now) is InvitationState.WITHDRAWN


def test_a_role_or_shop_that_is_gone_makes_no_user() -> None:
    assert state_of(replace(MADE, role="emperor"), ANNA, NOW) is InvitationState.ROLE_GONE
    assert state_of(MADE, ANNA, NOW, shop_is_here=False) is InvitationState.SHOP_GONE
