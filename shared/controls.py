"""Controls: which texts people have paused or stopped (pure). The scheduler asks at release, the sender at intent."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from shared.events.follow_up import Purpose
from shared.ids import MerchantId, RecipientId
from shared.vocabulary.purposes import ANSWER_PURPOSES

EVERY_MERCHANT: Final = MerchantId("*")
"""The merchant of a control that an operator puts on the whole installation; no merchant may be called so."""
TEXTS_STOPPED: Final = "texts_stopped"
"""The reason of a text that ended because its texts were stopped."""

_Key: TypeAlias = tuple[str | UUID | None, ...]


class ControlAction(StrEnum):
    """What a control does with the texts in its scope."""

    PAUSE = "pause"
    """Due texts wait; their expiry goes on."""
    STOP = "stop"
    """What waits is cancelled, and what becomes due later too."""


class ControlScope(NamedTuple):
    """The texts of one merchant that a control is about: all, or those that one of the fields names.

    `step` narrows `flow`; of the others at most one is given.
    """

    merchant_id: MerchantId
    """`EVERY_MERCHANT` for the whole installation."""
    flow: str | None = None
    step: str | None = None
    number: str | None = None
    """The merchant's own number that the texts are sent from."""
    provider: str | None = None
    recipient_id: RecipientId | None = None


class Control(NamedTuple):
    """One control as it was put in force."""

    id: UUID
    action: ControlAction
    scope: ControlScope
    made_at: datetime
    until: datetime | None = None
    """When it ends by itself; None: when it is lifted."""


class ControlTarget(NamedTuple):
    """What controls are compared with: one text."""

    merchant_id: MerchantId
    flow: str
    step: str
    number: str
    recipient_id: RecipientId
    purpose: Purpose
    provider: str | None = None
    """None where it is not known."""


class ControlsInForce:
    """The controls in force at an instant; asking costs a few look-ups, however many there are."""

    def __init__(self, controls: Iterable[Control], now: datetime) -> None:
        """Keep of each scope the strongest: a stop before a pause, of two alike the earlier."""
        self._of_scope: dict[_Key, Control] = {}
        for control in sorted(controls, key=_strength):
            if control.until is None or control.until > now:
                self._of_scope.setdefault(_key_of(control.scope), control)

    def __bool__(self) -> bool:
        return bool(self._of_scope)

    def on(self, target: ControlTarget) -> Control | None:
        """Return the strongest control that this text is under; None if it may go.

        Answers to HELP and STOP are under none: who writes gets them, whatever else is paused (compliance sections 1
        and 8, send-protocol section 1). A shop's own answer is under all: nobody is owed it, and whoever took a key
        must not go on writing in the shop's name after a pause.
        """
        if not self._of_scope or target.purpose in ANSWER_PURPOSES:
            return None
        found = (self._of_scope.get(key) for key in _keys_of(target))
        return min((control for control in found if control is not None), key=_strength, default=None)

    def on_flow(self, merchant: MerchantId, flow: str) -> Control | None:
        """Return the strongest control that every text of a flow is under, but for answers to HELP and STOP."""
        keys: tuple[_Key, ...] = (("all", merchant), ("all", EVERY_MERCHANT), ("flow", merchant, flow))
        found = (self._of_scope.get(key) for key in keys)
        return min((control for control in found if control is not None), key=_strength, default=None)

    def on_step(self, merchant: MerchantId, flow: str, step: str) -> Control | None:
        """Return the control on one step of a flow alone."""
        return self._of_scope.get(("step", merchant, flow, step))


def _strength(control: Control) -> tuple[bool, datetime, UUID]:
    return control.action is not ControlAction.STOP, control.made_at, control.id


def _key_of(scope: ControlScope) -> _Key:
    if scope.step is not None:
        return "step", scope.merchant_id, scope.flow, scope.step
    for kind in ("flow", "number", "provider", "recipient_id"):
        if (value := getattr(scope, kind)) is not None:
            return kind, scope.merchant_id, value
    return "all", scope.merchant_id


def _keys_of(target: ControlTarget) -> Iterable[_Key]:
    for merchant in (target.merchant_id, EVERY_MERCHANT):
        yield "all", merchant
        if target.provider is not None:
            yield "provider", merchant, target.provider
    yield "flow", target.merchant_id, target.flow
    yield "step", target.merchant_id, target.flow, target.step
    yield "number", target.merchant_id, target.number
    yield "recipient_id", target.merchant_id, target.recipient_id
