"""Which texts a control is about: compared with a plain reading of every scope."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.controls import EVERY_MERCHANT, Control, ControlAction, ControlScope, ControlsInForce, ControlTarget
from shared.events.follow_up import Purpose
from shared.ids import MerchantId, RecipientId
from shared.testing.clock import START
from shared.vocabulary.purposes import ANSWER_PURPOSES

ACME, PERSON = MerchantId("acme"), RecipientId(UUID(int=1))
TARGET = ControlTarget(ACME, "cart", "reminder", "+12025550100", PERSON, Purpose.MARKETING, "main")


def on(merchant: MerchantId = ACME, **fields: Any) -> st.SearchStrategy[ControlScope]:
    """Return scopes of a merchant whose fields are drawn from these."""
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in fields.items()}).map(
        lambda drawn: ControlScope(merchant, **drawn)
    )


scopes = st.one_of(
    *(on(merchant) for merchant in (ACME, MerchantId("globex"), EVERY_MERCHANT)),
    *(on(merchant, provider=["main", "other"]) for merchant in (ACME, EVERY_MERCHANT)),
    on(flow=["cart", "thanks"]),
    on(flow=["cart", "thanks"], step=["reminder", "review"]),
    on(number=["+12025550100", "+12025550199"]),
    on(recipient_id=[PERSON, RecipientId(UUID(int=2))]),
)
controls = st.builds(
    Control,
    st.uuids(),
    st.sampled_from(ControlAction),
    scopes,
    st.integers(0, 3).map(lambda hours: START - timedelta(hours=hours)),
    st.sampled_from([None, START - timedelta(hours=1), START, START + timedelta(hours=1)]),
)


def naively(found: list[Control], target: ControlTarget) -> Control | None:
    """Return the strongest control on a text, by comparing each field of each one."""
    about = [
        control
        for control in found
        if (control.until is None or control.until > START)
        and control.scope.merchant_id in {EVERY_MERCHANT, target.merchant_id}
        and all(
            wanted is None or wanted == has
            for wanted, has in zip(
                control.scope[1:],
                (target.flow, target.step, target.number, target.provider, target.recipient_id),
                strict=True,
            )
        )
    ]
    return min(about, key=lambda each: (each.action is ControlAction.PAUSE, each.made_at, each.id), default=None)


@given(st.lists(controls, max_size=8, unique_by=lambda control: control.id))
def test_a_text_is_under_the_strongest_control_that_names_it(found: list[Control]) -> None:
    assert ControlsInForce(found, START).on(TARGET) == naively(found, TARGET)


@pytest.mark.parametrize("purpose", [Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION])
def test_an_answer_to_help_or_stop_is_under_no_control(purpose: Purpose) -> None:
    everything = Control(UUID(int=1), ControlAction.STOP, ControlScope(EVERY_MERCHANT), START)
    in_force = ControlsInForce([everything], START)
    assert in_force.on(TARGET) == everything
    assert in_force.on(TARGET._replace(purpose=purpose)) is None


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose not in ANSWER_PURPOSES])
def test_everything_else_is_under_controls_a_shops_own_answer_too(purpose: Purpose) -> None:
    pause = Control(UUID(int=1), ControlAction.PAUSE, ControlScope(TARGET.merchant_id), START)
    assert ControlsInForce([pause], START).on(TARGET._replace(purpose=purpose)) == pause
