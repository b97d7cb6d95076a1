"""Runs one case in an application of its own, from one due time to the next."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx2

from services import embedded
from services.flow_tests.outcomes import CaseResult, TextOutcome, differences, instant, starts_at
from services.flow_tests.trial_shop import TrialShop, write
from services.virtual_time.clock import VirtualClock
from services.virtual_time.stepping import ClockStepper
from shared.config.directory import MerchantDirectory
from shared.config.flow_cases import CaseStep, FlowCase
from shared.errors import ConfigurationFault
from shared.http.server import bind, limits_of, server_of
from shared.settings import ProcessSettings

_READY_SECONDS: Final = 30.0
_DISCLOSURE: Final = "Agreed to before the case began."
_OPEN: Final = frozenset({"pending", "released", "dispatched"})
_LINK: Final = re.compile(r"https?://\S+/r/\w+")
_BROWSER: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
_LOOK_AGAIN: Final = timedelta(minutes=1)
"""When a text that is due waits for something that has no time of its own."""
_MOST_JUMPS: Final = 5000
_PAGE: Final = 200


class CaseRefused(Exception):
    """The application refused what a case does; the message says what and why."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """A running application, and one case in it."""

    case: FlowCase
    flow: str
    zone: ZoneInfo
    stepper: ClockStepper
    clock: VirtualClock
    client: httpx2.AsyncClient


async def try_case(shop: TrialShop, flow: str, case: FlowCase) -> CaseResult:
    """Run a case and return how it ended.

    Raises:
        ConfigurationFault: the shop's files cannot be run, or the case's zone is none.
    """
    began = time.monotonic()
    zone = _zone(case.time_zone or shop.time_zone)
    with TemporaryDirectory(prefix="followup-test-") as name:
        async with (
            _running(shop, Path(name), starts_at(case, zone)) as (application, clock, client),
            ClockStepper.stepping(application, clock) as stepper,
        ):
            trial = _Trial(case, flow, zone, stepper, clock, client)
            try:
                await _live(trial)
            except CaseRefused as refused:
                return CaseResult(case.case, (str(refused),), (), time.monotonic() - began)
            found = await _outcomes(trial)
    said = tuple(each.said(zone) for each in sorted(found, key=lambda each: each.first_due_at))
    return CaseResult(case.case, tuple(differences(case, found, zone)), said, time.monotonic() - began)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):
        raise ConfigurationFault(f"'{name}' is no time zone; write one such as America/New_York") from None


@asynccontextmanager
async def _running(
    shop: TrialShop, folder: Path, at: datetime
) -> AsyncIterator[tuple[embedded.Application, VirtualClock, httpx2.AsyncClient]]:
    """Run the shop on a clock that stands at `at`."""
    merchants = folder / "merchants"
    write(shop, merchants)
    listener, settings = bind(
        ProcessSettings(host="127.0.0.1", port=0, data_dir=folder, merchants_dir=merchants, log_level="error")
    )
    with listener:
        clock = VirtualClock(folder / "clock")
        clock.move(at - clock.machine_now())
        directory = MerchantDirectory.load(merchants, os.environ)
        async with embedded.open_application(settings, clock=clock, merchants=directory) as application:
            if application.problems:
                raise ConfigurationFault(f"{application.problems[0]}; run `followup lint`")
            server = server_of(application.app, limits_of(settings))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                async with asyncio.timeout(_READY_SECONDS):
                    while not server.started:  # noqa: ASYNC110 - the server has no event of it
                        await asyncio.sleep(0.01)
                headers = {"Authorization": f"Bearer {shop.api_key}"}
                async with httpx2.AsyncClient(base_url=settings.local_address, timeout=30, headers=headers) as client:
                    yield application, clock, client
            finally:
                server.should_exit = True
                await serving


async def _live(trial: _Trial) -> None:
    """Let everything happen: the case's steps, and what becomes due in between."""
    case, zone = trial.case, trial.zone
    for number, agreed in enumerate(case.agreed):
        await _post(
            trial,
            "/v1/consents",
            {
                "to": case.person.phone,
                "scope": agreed.scope,
                "level": agreed.level,
                "captured_at": (starts_at(case, zone) - agreed.before).isoformat(),
                "disclosure": _DISCLOSURE,
                "method": "test",
                "source": "followup test",
            },
            f"consent-{number}",
        )
    await trial.stepper.settle()
    ends_at = starts_at(case, zone) + case.runs_for
    steps = sorted(enumerate(case.happens), key=lambda each: (instant(each[1].at, case, zone), each[0]))
    for _ in range(_MOST_JUMPS):
        next_due = await _next_due(trial)
        wanted = [instant(steps[0][1].at, case, zone)] if steps else []
        jumps = [each for each in (*wanted, *([next_due] if next_due else [])) if each <= ends_at]
        if not jumps:
            return
        trial.stepper.move_to(min(jumps))
        while steps and instant(steps[0][1].at, case, zone) <= trial.clock.now():
            number, step = steps.pop(0)
            await _do(trial, number, step)
        await trial.stepper.settle()
    raise CaseRefused(f"the case did not come to an end within {_MOST_JUMPS} jumps of the clock; give `runs_for`")


async def _do(trial: _Trial, number: int, step: CaseStep) -> None:
    """Let one thing happen."""
    phone = trial.case.person.phone
    if step.event is not None:
        body = step.event.model_dump(exclude_none=True)
        recipient = trial.case.person.model_dump(exclude_none=True)
        await _post(trial, "/v1/events", {"id": f"event-{number}", **body, "recipient": recipient}, f"event-{number}")
    elif step.reply is not None:
        answer = await trial.client.post(f"/simulator/phones/{phone}/replies", json={"text": step.reply})
        if not answer.is_success:
            raise CaseRefused(f"the reply “{step.reply}” could not be sent: {_why(answer)}")
    else:
        await _click(trial, str(step.click))


async def _click(trial: _Trial, text: str) -> None:
    await trial.stepper.settle()
    words = next((each.words for each in await _outcomes(trial) if each.text == text and each.words), None)
    link = _LINK.search(words or "")
    if link is None:
        raise CaseRefused(f"{text} cannot be clicked: " + ("it holds no link" if words else "it has not been sent"))
    await trial.client.get(urlsplit(link.group()).path, headers={"User-Agent": _BROWSER}, follow_redirects=False)


async def _post(trial: _Trial, path: str, body: dict[str, Any], key: str) -> None:
    answer = await trial.client.post(path, json=body, headers={"Idempotency-Key": key})
    if not answer.is_success:
        raise CaseRefused(f"{path} was refused: {_why(answer)}")


def _why(answer: httpx2.Response) -> str:
    """Return a refusal in its own words."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError):
        return f"status {answer.status_code}"


async def _next_due(trial: _Trial) -> datetime | None:
    """Return when the next text is due that has not ended; None where all have."""
    now = trial.clock.now()
    found = [each for each in await _follow_ups(trial) if each["state"] in _OPEN]
    due = [datetime.fromisoformat(each["due_at"]) for each in found]
    return min((each if each > now else now + _LOOK_AGAIN for each in due), default=None)


async def _follow_ups(trial: _Trial) -> list[dict[str, Any]]:
    """Return every text of the shop, of all flows."""
    found: list[dict[str, Any]] = []
    query = {"limit": str(_PAGE)}
    while True:
        page = await _read(trial, "/v1/follow-ups", query)
        found += page["follow_ups"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def _outcomes(trial: _Trial) -> list[TextOutcome]:
    """Return what became of every text of the flow."""
    found = []
    for each in await _follow_ups(trial):
        if each["flow"] != trial.flow:
            continue
        answer = await trial.client.get(f"/v1/dispatches/{each['follow_up_id']}", params={"text": "true"})
        attempts = answer.json()["attempts"] if answer.is_success else []
        sent = [attempt for attempt in attempts if attempt["accepted_at"]]
        found.append(
            TextOutcome(
                each["step"],
                each["state"],
                each["reason"],
                datetime.fromisoformat(each["first_due_at"]),
                datetime.fromisoformat(sent[-1]["accepted_at"]) if sent else None,
                sent[-1]["text"] if sent else None,
            )
        )
    return found


async def _read(trial: _Trial, path: str, query: dict[str, str]) -> Any:
    answer = await trial.client.get(path, params=query)
    if not answer.is_success:
        raise CaseRefused(f"{path} was refused: {_why(answer)}")
    return answer.json()
