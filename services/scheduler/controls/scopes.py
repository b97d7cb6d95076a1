"""Which texts a request means: its scope, compared with what the merchant has."""

from collections.abc import Iterable
from http import HTTPStatus

from services.scheduler.controls import store
from services.scheduler.controls.bodies import ScopeInput
from shared import phone
from shared.config.directory import Merchant
from shared.config.flow import TextStep
from shared.controls import EVERY_MERCHANT, ControlScope
from shared.db.transaction import Transaction
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem, unprocessable
from shared.ids import RecipientId
from shared.phone import Unparsable
from shared.privacy import Sealer


async def scope_of(asked: ScopeInput, caller: Caller, sealer: Sealer, db: Transaction) -> ControlScope:
    """Return the scope of a request, among the caller's own texts.

    A flow that is in no file any more can still be named while texts of it are planned.

    Raises:
        HTTPProblem: 403 for what only the operator may do; 422 for a name that the merchant does not have, with those
            it has.
    """
    merchant = caller.merchant
    if asked.everything:
        if not caller.is_operator:
            raise HTTPProblem(
                HTTPStatus.FORBIDDEN, "operator_only", "only the operator of this installation may pause every merchant"
            )
        return ControlScope(EVERY_MERCHANT, provider=asked.provider)
    if asked.merchant is not None and asked.merchant != merchant.id:
        raise unprocessable("merchant", f"this key belongs to {merchant.id}")
    _require("number", asked.number, [number.number for number in merchant.config.numbers])
    _require("provider", asked.provider, merchant.config.providers)
    if asked.flow is not None:
        await _require_flow(db, merchant, asked.flow, asked.step)
    return ControlScope(
        merchant.id,
        flow=asked.flow,
        step=asked.step,
        number=asked.number,
        provider=asked.provider,
        recipient_id=_recipient(asked, merchant, sealer),
    )


async def _require_flow(db: Transaction, merchant: Merchant, name: str, step: str | None) -> None:
    flow = merchant.flows.get(name)
    if flow is not None:
        _require("step", step, [each.text for each in flow.steps if isinstance(each, TextStep)])
    elif not (await store.concerned(db, ControlScope(merchant.id, flow=name))).follow_ups:
        _require("flow", name, merchant.flows)


def _require(field: str, given: str | None, known: Iterable[str]) -> None:
    """Check that a name is one of those the merchant has."""
    names = sorted(known)
    if given is not None and given not in names:
        raise unprocessable(field, f"this merchant has no such {field}; it has {', '.join(names) or 'none'}")


def _recipient(asked: ScopeInput, merchant: Merchant, sealer: Sealer) -> RecipientId | None:
    if asked.to is None:
        return None if asked.recipient is None else RecipientId(asked.recipient)
    number = phone.parse(asked.to, merchant.config.country)
    if isinstance(number, Unparsable):
        raise unprocessable("to", f"the number cannot be used: {number.reason}")
    return sealer.recipient_id(merchant.id, number)
