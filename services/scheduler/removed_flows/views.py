"""The flows of a merchant as `GET /v1/flows` shows them."""

from datetime import datetime
from typing import Literal

from services.scheduler.api_models import FlowAnswer, FlowControlAnswer, FlowList, RemovedFlowAnswer
from services.scheduler.controls import store as control_rows
from services.scheduler.removed_flows import store
from services.scheduler.removed_flows.changes import FlowKey
from shared.config.directory import Merchant
from shared.config.flow import TextStep
from shared.controls import EVERY_MERCHANT, Control, ControlScope
from shared.db.transaction import Transaction
from shared.vocabulary.built_in_flows import BUILT_IN_FLOWS


async def flow_list(db: Transaction, merchant: Merchant, now: datetime) -> FlowList:
    """Return the flows in force, and those that no file has any more while texts of them are planned."""
    planned = await store.planned_texts(db, [merchant.id])
    in_force = await control_rows.seen_in_force(db, merchant.id, now)
    gone = sorted(
        key.flow
        for key, texts in planned.items()
        if texts > 0 and not key.is_whole and key.flow not in BUILT_IN_FLOWS and key.flow not in merchant.flows
    )
    return FlowList(
        flows=[
            FlowAnswer(
                flow=name,
                version=flow.version(),
                description=flow.description,
                on=flow.on,
                steps=[step.text for step in flow.steps if isinstance(step, TextStep)],
                planned_texts=planned[FlowKey(merchant.id, name)],
                control=control_answer(in_force.on_flow(merchant.id, name)),
            )
            for name, flow in sorted(merchant.flows.items())
        ],
        removed=[
            RemovedFlowAnswer(
                flow=name,
                planned_texts=planned[FlowKey(merchant.id, name)],
                control=control_answer(in_force.on_flow(merchant.id, name)),
            )
            for name in gone
        ],
    )


def control_answer(control: Control | None) -> FlowControlAnswer | None:
    """Return what is shown of the control that texts are under."""
    if control is None:
        return None
    return FlowControlAnswer(
        control_id=control.id,
        action=control.action,
        made_at=control.made_at,
        until=control.until,
        covers=_covers(control.scope),
    )


def _covers(scope: ControlScope) -> Literal["everything", "merchant", "flow", "step"]:
    if scope.flow is not None:
        return "flow" if scope.step is None else "step"
    return "everything" if scope.merchant_id == EVERY_MERCHANT else "merchant"
