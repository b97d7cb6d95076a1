"""One flow as `GET /v1/flows/{flow}` shows it, and its versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import yaml

from services.scheduler.api_models import FlowControlAnswer
from services.scheduler.controls import store as control_rows
from services.scheduler.flow_views import store
from services.scheduler.flow_views.bodies import (
    CancelRuleAnswer,
    EnterAnswer,
    FlowStory,
    FlowVersionAnswer,
    FlowVersionList,
    TextPreviewAnswer,
    TextStepAnswer,
    WaitAnswer,
)
from services.scheduler.flow_views.previews import previews_of
from services.scheduler.removed_flows.changes import FlowKey
from services.scheduler.removed_flows.store import planned_texts
from services.scheduler.removed_flows.views import control_answer
from services.scheduler.runs.plan import MerchantDefaults
from shared.config.directory import Merchant
from shared.config.flow import Every, Flow, OncePer, TextStep, WaitStep
from shared.controls import ControlsInForce
from shared.db.transaction import Row, Transaction
from shared.events.follow_up import ResendPolicy
from shared.vocabulary.built_in_flows import BUILT_IN_FLOWS

MOST_VERSIONS: Final = 30
_LINE_CHARACTERS: Final = 100
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class FoundFlow:
    """A flow, and what is so of it now."""

    flow: Flow
    is_in_force: bool
    texts: int
    """Planned and not ended."""
    controls: ControlsInForce


async def find_flow(db: Transaction, merchant: Merchant, name: str, now: datetime) -> FoundFlow | None:
    """Return a flow in force, or the version of a removed one that began last; None where there never was one."""
    flow, is_in_force = merchant.flows.get(name), True
    if flow is None and name not in BUILT_IN_FLOWS:
        begun = await store.newest_versions(db, merchant.id, name, 1)
        flow, is_in_force = Flow.from_canonical(begun[0]["content"]) if begun else None, False
    if flow is None:
        return None
    texts = (await planned_texts(db, [merchant.id]))[FlowKey(merchant.id, name)]
    return FoundFlow(flow, is_in_force, texts, await control_rows.seen_in_force(db, merchant.id, now))


def story_of(found: FoundFlow, merchant: Merchant, now: datetime) -> FlowStory:
    """Return what is shown of a flow; it renders every text, which is long work."""
    flow, control = found.flow, found.controls.on_flow(merchant.id, found.flow.flow)
    previews = previews_of(flow, merchant, now)
    policy = MerchantDefaults(merchant.config.locale, merchant.config.policies).policy(flow, ResendPolicy.AT_MOST_ONCE)
    steps: list[WaitAnswer | TextStepAnswer] = []
    for step in flow.steps:
        if isinstance(step, WaitStep):
            steps.append(_wait(step))
        else:
            alone = control_answer(found.controls.on_step(merchant.id, flow.flow, step.text))
            steps.append(_text(step, previews[step.text], alone))
    return FlowStory(
        flow=flow.flow,
        version=flow.version(),
        is_in_force=found.is_in_force,
        description=flow.description,
        on=flow.on,
        when=flow.when,
        enter=_enter(flow),
        cancel_on=[CancelRuleAnswer(on=rule.on, when=rule.when) for rule in flow.cancel_on],
        facts=dict(flow.facts),
        click_days=policy.click_days,
        delivered_hours=policy.delivered_hours,
        steps=steps,
        planned_texts=found.texts,
        control=control_answer(control),
    )


def versions_of(merchant: Merchant, name: str, begun: Sequence[Row]) -> FlowVersionList | None:
    """Return the versions of a flow, the one in force first; None where this merchant never had one of that name.

    Args:
        merchant: whose files say what is in force.
        name: of the flow.
        begun: the rows of versions that began, the newest first; one more than are listed says that there are more.
    """
    flow = merchant.flows.get(name)
    if flow is None and not begun:
        return None
    in_force = None if flow is None else flow.version()
    listed = [
        FlowVersionAnswer(
            version=row["version"],
            first_started_at=row["first_started_at"],
            is_in_force=row["version"] == in_force,
            content=written(Flow.from_canonical(row["content"])),
        )
        for row in begun[:MOST_VERSIONS]
    ]
    if flow is not None and not any(each.is_in_force for each in listed):
        new = FlowVersionAnswer(version=flow.version(), first_started_at=None, is_in_force=True, content=written(flow))
        listed.insert(0, new)
    listed.sort(key=lambda each: not each.is_in_force)
    return FlowVersionList(flow=name, versions=listed, has_more=len(begun) > MOST_VERSIONS)


def written(flow: Flow) -> str:
    """Return a flow as YAML, its fields in the order of the documentation, without comments."""
    content: Any = flow.model_dump(mode="json", exclude_defaults=True)
    text: str = yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=_LINE_CHARACTERS)
    return text


def _enter(flow: Flow) -> EnterAnswer:
    match flow.enter:
        case OncePer(once_per=once_per):
            return EnterAnswer(rule="once_per", once_per=once_per)
        case Every(every=every):
            return EnterAnswer(rule="every", every_seconds=int(every.total_seconds()))
        case _:
            return EnterAnswer(rule="once")


def _wait(step: WaitStep) -> WaitAnswer:
    if isinstance(step.wait, timedelta):
        return WaitAnswer(seconds=int(step.wait.total_seconds()))
    wait = step.wait
    return WaitAnswer(
        days=wait.days,
        hours=wait.hours,
        minutes=wait.minutes,
        then_at=None if wait.then_at is None else f"{wait.then_at:%H:%M}",
        on=None if wait.on is None else [day.value for day in wait.on],
    )


def _text(step: TextStep, previews: list[TextPreviewAnswer], control: FlowControlAnswer | None) -> TextStepAnswer:
    expires = step.expire_after
    return TextStepAnswer(
        text=step.text,
        purpose=step.purpose,
        expire_after_seconds=None if expires is None else int(expires.total_seconds()),
        if_past=step.if_past,
        previews=previews,
        control=control,
    )
