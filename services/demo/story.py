"""The demo's steps, in order: each acts, then waits until the public HTTP API shows the result, or the demo ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.demo.actions import DemoActions

LOOK_SECONDS = 0.1
FIRST_ORDER_MINOR = 4900
SECOND_ORDER_MINOR = 6200
WAIT_HOURS = 1


@dataclass(slots=True)
class Observations:
    """What earlier steps found and later steps need."""

    order: dict[str, Any] = field(default_factory=dict)
    follow_up_id: str = ""
    text: str = ""
    second_order: dict[str, Any] = field(default_factory=dict)
    refused_id: str = ""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One step of the demo, printed as one line.

    `act` does something from outside, or is None where Followup acts by itself; `seen` returns the sentence to print,
    or None while there is nothing to see yet.
    """

    title: str
    seen: Callable[[], Awaitable[str | None]]
    act: Callable[[], Awaitable[None]] | None = None


class Story:
    """Runs the steps in order; `tell` is called with the title and sentence of each as it happens."""

    def __init__(
        self,
        actions: DemoActions,
        now: Callable[[], datetime],
        tell: Callable[[str, str], None],
        patience_seconds: float,
    ) -> None:
        self._actions = actions
        self._now = now
        self._tell = tell
        self._patience_seconds = patience_seconds
        self.observed = Observations()

    async def run(self) -> str | None:
        """Run every step; return the title of the first whose result was not seen in time, or None when all were."""
        for step in self.steps():
            if step.act is not None:
                await step.act()
            sentence = await self._look(step.seen)
            if sentence is None:
                return step.title
            self._tell(step.title, sentence)
        return None

    async def _look(self, seen: Callable[[], Awaitable[str | None]]) -> str | None:
        """Look until there is something to see, or the time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        while True:
            sentence = await seen()
            if sentence is not None or loop.time() > deadline:
                return sentence
            await asyncio.sleep(LOOK_SECONDS)

    def steps(self) -> Sequence[StoryStep]:
        """Return the steps, in order."""
        return (
            StoryStep("order received", self._order_received, self._place_order),
            StoryStep("flow entered", self._flow_entered),
            StoryStep("due", self._due, self._let_an_hour_pass),
            StoryStep("verdict", self._verdict),
            StoryStep("text on the phone", self._text_on_phone),
            StoryStep("receipt", self._receipt),
            StoryStep("click", self._click_seen, self._tap),
            StoryStep("second order", self._second_order_received, self._place_second_order),
            StoryStep("revenue credited", self._revenue),
            StoryStep("STOP", self._stop_seen, self._say_stop),
            StoryStep("next text refused", self._refused, self._ask_for_another),
        )

    # ---- acts

    async def _place_order(self) -> None:
        answer = await self._actions.place_order(number=1, minor=FIRST_ORDER_MINOR, at=self._now())
        self.observed.order = answer.json() if answer.is_success else {}

    async def _let_an_hour_pass(self) -> None:
        self._actions.jump(timedelta(hours=WAIT_HOURS, seconds=1))

    async def _tap(self) -> None:
        later = self._now() + timedelta(seconds=30)  # a link opened at once counts as opened by a robot
        self._actions.jump(timedelta(seconds=30))
        while self._now() < later:  # noqa: ASYNC110 - the clock file is read again only now and then
            await asyncio.sleep(0.05)
        await self._actions.tap_link(self.observed.text)

    async def _place_second_order(self) -> None:
        self._actions.jump(timedelta(minutes=20))
        answer = await self._actions.place_order(number=2, minor=SECOND_ORDER_MINOR, at=self._now())
        self.observed.second_order = answer.json() if answer.is_success else {}

    async def _say_stop(self) -> None:
        await self._actions.reply("STOP")

    async def _ask_for_another(self) -> None:
        answer = await self._actions.enqueue("Your order is on its way, {{ recipient.first_name }}.", self._now())
        self.observed.refused_id = answer.json().get("follow_up_id", "") if answer.is_success else ""

    # ---- what is seen

    async def _order_received(self) -> str | None:
        if self.observed.order.get("status") != "accepted":
            return None
        return "a signed Shopify orders/create was verified, stored and answered 2xx"

    async def _flow_entered(self) -> str | None:
        found = await self._actions.ask("/v1/follow-ups/search", {"to": self._actions.phone})
        planned = [each for each in (found or {}).get("follow_ups", []) if each["state"] == "pending"]
        if not planned:
            return None
        first = min(planned, key=lambda each: str(each["due_at"]))
        self.observed.follow_up_id = first["follow_up_id"]
        return f"{len(planned)} texts planned; the first is due at {first['due_local']}"

    async def _due(self) -> str | None:
        found = await self._actions.read(f"/v1/follow-ups/{self.observed.follow_up_id}")
        changes = [each["state"] for each in (found or {}).get("changes", [])]
        return "the clock jumped one hour; the timer fired and the gate was asked" if "released" in changes else None

    async def _verdict(self) -> str | None:
        found = await self._actions.read(f"/v1/decisions/{self.observed.follow_up_id}")
        decisions = (found or {}).get("decisions", [])
        if not decisions or decisions[-1]["decision"] != "send":
            return None
        verdict: dict[str, Any] = decisions[-1]
        rules = ", ".join(f"{rule['id']}: {rule['cite']}" for rule in verdict.get("rules", []))
        return f"{verdict['explanation']}{f' ({rules})' if rules else ''}"

    async def _text_on_phone(self) -> str | None:
        texts = await self._actions.texts_received()
        if not texts:
            return None
        self.observed.text = texts[-1]["body"]
        return _quoted(self.observed.text)

    async def _receipt(self) -> str | None:
        found = await self._actions.read(f"/v1/follow-ups/{self.observed.follow_up_id}")
        return "the provider's signed callback says: delivered" if found and found["state"] == "delivered" else None

    async def _click_seen(self) -> str | None:
        clicked = await self._kpi("click_through_rate")
        if not await self._event("click.recorded") or clicked is None or not clicked["numerator"]:
            return None
        return "a person, not a robot, opened the short link"

    async def _second_order_received(self) -> str | None:
        accepted = self.observed.second_order.get("status") == "accepted"
        return "the same customer bought again, 20 minutes later" if accepted else None

    async def _revenue(self) -> str | None:
        if not await self._event("conversion.attributed"):
            return None
        revenue = await self._kpi("revenue")
        if revenue is None or not revenue["value"]:
            return None
        return f"last click within 5 days: {SECOND_ORDER_MINOR / 100:.2f} USD credited to this text"

    async def _stop_seen(self) -> str | None:
        standing = await self._actions.ask("/v1/recipients/standing", {"to": self._actions.phone})
        if not standing or standing.get("consents", {}).get("marketing", {}).get("status") != "revoked":
            return None
        screen = await self._actions.texts_received()
        return f"written in the ledger, and confirmed once: {_quoted(screen[-1]['body'])}" if len(screen) > 1 else None

    async def _refused(self) -> str | None:
        refused_id = self.observed.refused_id
        found = await self._actions.read(f"/v1/follow-ups/{refused_id}") if refused_id else None
        if not found or found["state"] != "blocked":
            return None
        decisions = await self._actions.read(f"/v1/decisions/{refused_id}")
        verdict = (decisions or {"decisions": [{}]})["decisions"][-1]
        return f"{found['reason']}: {verdict.get('explanation', '')}"

    async def _event(self, kind: str) -> dict[str, Any] | None:
        """Return the newest event of a type in the follow-up's journey."""
        found = await self._actions.read(f"/v1/journeys/{self.observed.follow_up_id}")
        events = [each for each in (found or {}).get("events", []) if each["type"] == kind]
        return events[-1] if events else None

    async def _kpi(self, name: str) -> dict[str, Any] | None:
        """Return one of the numbers of the last day."""
        found = await self._actions.read("/v1/kpis")
        return next((each for each in (found or {}).get("kpis", []) if each["name"] == name), None)


def _quoted(text: str) -> str:
    """Return a text as one line."""
    return "“" + " / ".join(text.splitlines()) + "”"
