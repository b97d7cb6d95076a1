"""Test texts: a text, or a step of a flow, to one of the shop's own phones (`test_recipients` of merchant.yaml).

It goes through the gate like any other, as transactional: a test recipient needs a consent on record too. It says
`[Test]`, belongs to the built-in flow `test`, starts no run of its flow, and no figure counts it.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from services.scheduler.api_models import FollowUpRequest
from services.scheduler.runs.invented import invented_facts
from shared.config.directory import Merchant
from shared.config.flow import Flow, TextStep
from shared.events.follow_up import Purpose
from shared.http.problems import HTTPProblem, unprocessable
from shared.phone import E164

_MARK: Final = "[Test] "
_HOW_TO_CONSENT: Final = (
    "A phone for tests needs a consent on record like any other: text START from it to the shop's number, or record "
    "one with POST /v1/consents."
)


def as_test_text(
    merchant: Merchant, number: E164, request: FollowUpRequest, flow: Flow | None, now: datetime
) -> FollowUpRequest:
    """Return the request for one text that a request for a test stands for.

    Without `trigger` a step is shown on the invented event of the previews.

    Args:
        merchant: whose phone it must be.
        number: the recipient's.
        request: with `test`; a text, or a flow and one of its steps.
        flow: the flow it names, if any.
        now: when the invented event happens.

    Raises:
        HTTPProblem: 422, the number is none of the shop's own phones, or the flow has no such step.
    """
    if number not in merchant.config.test_recipients:
        raise unprocessable("to", "not a phone for tests: list it under test_recipients in merchant.yaml")
    body = request.text if flow is None else _body(merchant, request, flow)
    trigger = request.trigger if flow is None or request.trigger is not None else invented_facts(flow, merchant, now)
    return request.model_copy(
        update={
            "text": f"{_MARK}{body}",
            "purpose": Purpose.TRANSACTIONAL,
            "flow": None,
            "step": None,
            "cancel_on": (),
            "trigger": trigger,
        }
    )


def refuse_blocked(advice: Mapping[str, Any]) -> None:
    """Refuse a test that the gate would block, before it is planned: a person waits for it at the phone.

    Raises:
        HTTPProblem: 409 with the gate's words.
    """
    if advice.get("decision") == "block":
        how = f" {_HOW_TO_CONSENT}" if advice.get("reason") == "no_consent" else ""
        raise HTTPProblem(HTTPStatus.CONFLICT, "test_refused", f"{advice['explanation']}{how}")


def _body(merchant: Merchant, request: FollowUpRequest, flow: Flow) -> str:
    steps = {step.text: step for step in flow.steps if isinstance(step, TextStep)}
    step = steps.get(request.step or next(iter(steps), ""))
    if step is None:
        raise unprocessable("step", f"{flow.flow} has no such text; it has {', '.join(steps) or 'none'}")
    return step.body_for(request.recipient.locale, merchant.config.locale)[1]
