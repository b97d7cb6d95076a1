"""`GET /v1/flow-figures`: what each flow and each of its steps did in a window, and what waits there now."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel

from services.metrics import store
from services.metrics.api_models import WindowAnswer
from services.metrics.domain.flow_figures import BY, FlowTally, StepTally, flow_tallies
from services.metrics.domain.grouping import Window
from services.metrics.domain.reasons import meaning_of
from services.metrics.domain.rollups import ALWAYS, Measure
from shared.db.transaction import Transaction
from shared.ids import MerchantId
from shared.money import micros_per_minor

_LONGEST_NAME: Final = 64
_NOW_UNTIL: Final = ALWAYS.replace(year=ALWAYS.year + 1)

FlowName = Annotated[str | None, Query(max_length=_LONGEST_NAME, description="Only this flow.")]


class AmountAnswer(BaseModel):
    """An amount of money."""

    currency: str
    minor: float
    """Minor units; of costs with their fraction."""


class EndAnswer(BaseModel):
    """How many texts ended without arriving, in one way and for one reason."""

    state: str
    reason: str
    words: str
    """The reason, as a person reads it."""
    texts: int


class StepFiguresAnswer(BaseModel):
    """What the texts of a step did; those that were sent are counted in the hour in which the provider took them."""

    step: str
    planned: int
    waiting: int
    """Planned and not ended, now."""
    sent: int
    """Accepted by a provider."""
    delivered: int
    reached: int
    """Delivered, without answers to STOP and HELP: what the next four are shares of."""
    clicked: int
    replied: int
    converted: int
    opted_out: int
    unknown: int
    parts: int
    unpriced: int
    """Sent texts without a price from the provider."""
    ended: list[EndAnswer]
    revenue: list[AmountAnswer]
    """Credited to texts of this step in the window, whenever they were sent, less refunds."""
    text_revenue: list[AmountAnswer]
    """Credited to the texts that were sent in the window, whenever the purchase was."""
    cost: list[AmountAnswer]


class FlowFiguresAnswer(StepFiguresAnswer):
    """What a flow did, and each of its steps; `step` is empty."""

    flow: str
    entered: int
    """Runs that began in the window."""
    active: int
    """Runs with a text that has not ended, now."""
    steps: list[StepFiguresAnswer]


class FlowFiguresPage(BaseModel):
    """The answer of `GET /v1/flow-figures`."""

    window: WindowAnswer
    flows: list[FlowFiguresAnswer]


async def load_flow_figures(
    db: Transaction, merchant: MerchantId, window: Window, flow: str | None = None
) -> FlowFiguresPage:
    """Return the figures of a window by flow and step, and what is so now; of one flow if it is named."""
    rows = [
        *await store.sums(db, merchant, window.since, window.until, BY, flow),
        *await store.sums(db, merchant, ALWAYS, _NOW_UNTIL, BY, flow),
    ]
    return FlowFiguresPage(
        window=WindowAnswer(since=window.since, until=window.until),
        flows=[_flow_answer(name, tally) for name, tally in flow_tallies(rows).items()],
    )


def _flow_answer(flow: str, tally: FlowTally) -> FlowFiguresAnswer:
    return FlowFiguresAnswer(
        flow=flow,
        entered=tally.entered,
        active=tally.active,
        steps=[_step_answer(name, step) for name, step in tally.steps.items()],
        **_step_answer("", tally).model_dump(),
    )


def _step_answer(name: str, tally: StepTally) -> StepFiguresAnswer:
    counts = tally.counts
    return StepFiguresAnswer(
        step=name,
        planned=counts[Measure.PLANNED],
        waiting=tally.waiting,
        sent=counts[Measure.ACCEPTED],
        delivered=counts[Measure.DELIVERED],
        reached=counts[Measure.REACHED],
        clicked=counts[Measure.CLICKED],
        replied=counts[Measure.REPLIED],
        converted=counts[Measure.CONVERTED],
        opted_out=counts[Measure.OPTED_OUT],
        unknown=counts[Measure.UNKNOWN],
        parts=counts[Measure.PARTS],
        unpriced=counts[Measure.UNPRICED],
        ended=[
            EndAnswer(state=state, reason=reason, words=meaning_of(reason).words, texts=texts)
            for (state, reason), texts in sorted(tally.ends.items())
            if texts
        ],
        revenue=_amounts(tally.money.get(Measure.REVENUE, {})),
        text_revenue=_amounts(tally.money.get(Measure.TEXT_REVENUE, {})),
        cost=[
            AmountAnswer(currency=currency, minor=micros / micros_per_minor(currency))
            for currency, micros in sorted(tally.money.get(Measure.COST, {}).items())
        ],
    )


def _amounts(minor: Mapping[str, int]) -> list[AmountAnswer]:
    return [AmountAnswer(currency=currency, minor=value) for currency, value in sorted(minor.items())]
