"""The story of the demo: each step acts, then is seen through the public HTTP API, or the story ends there."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.demo.stage import Stage

LOOK_SECONDS = 0.1
FIRST_ORDER_MINOR = 4900
SECOND_ORDER_MINOR = 6200
WAIT_HOURS = 1


@dataclass(slots=True)
class Plot:
    """What the story learns as it goes on."""

    order: dict[str, Any] = field(default_factory=dict)
    follow_up_id: str = ""
    text: str = ""
    second_order: dict[str, Any] = field(default_factory=dict)
    refused_id: str = ""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One line of the story.

    `act` is what somebody does (nothing, where the house acts by itself); `seen` returns the sentence to tell, or
    None while there is nothing to see yet.
    """

    title: str
    seen: Callable[[], Awaitable[str | None]]
    act: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Unseen:
    """The story ended at this step: what should have been seen was not."""

    title: str


class Story:
    """Tells the steps in order; `tell` hears each sentence as it happens."""

    def __init__(
        self, stage: Stage, now: Callable[[], datetime], tell: Callable[[str, str], None], patience_seconds: float
    ) -> None:
        self._stage = stage
        self._now = now
        self._tell = tell
        self._patience_seconds = patience_seconds
        self.plot = Plot()

    async def run(self) -> Unseen | None:
        """Go through every step; return the first that was not seen, or None when all were."""
        for step in self.steps():
            if step.act is not None:
                await step.act()
            sentence = await self._look(step.seen)
            if sentence is None:
                return Unseen(step.title)
            self._tell(step.title, sentence)
        return None

    async def _look(self, seen: Callable[[], Awaitable[str | None]]) -> str | None:
        """Look until there is something to see, or patience ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        while True:
            sentence = await seen()
            if sentence is not None or loop.time() > deadline:
                return sentence
            await asyncio.sleep(LOOK_SECONDS)

    def steps(self) -> Sequence[StoryStep]:
        """Return the story."""
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
        answer = await self._stage.place_order(number=1, minor=FIRST_ORDER_MINOR, at=self._now())
        self.plot.order = answer.json() if answer.is_success else {}

    async def _let_an_hour_pass(self) -> None:
        self._stage.jump(timedelta(hours=WAIT_HOURS, seconds=1))

    async def _tap(self) -> None:
        later = self._now() + timedelta(seconds=30)  # a person takes a moment; what opens a link at once is a robot
        self._stage.jump(timedelta(seconds=30))
        while self._now() < later:  # noqa: ASYNC110 - the house reads its clock's file again now and then
            await asyncio.sleep(0.05)
        await self._stage.tap_link(self.plot.text)

    async def _place_second_order(self) -> None:
        self._stage.jump(timedelta(minutes=20))
        answer = await self._stage.place_order(number=2, minor=SECOND_ORDER_MINOR, at=self._now())
        self.plot.second_order = answer.json() if answer.is_success else {}

    async def _say_stop(self) -> None:
        await self._stage.reply("STOP")

    async def _ask_for_another(self) -> None:
        answer = await self._stage.enqueue("Your order is on its way, {{ recipient.first_name }}.", self._now())
        self.plot.refused_id = answer.json().get("follow_up_id", "") if answer.is_success else ""

    # ---- what is seen

    async def _order_received(self) -> str | None:
        if self.plot.order.get("status") != "accepted":
            return None
        return "a signed Shopify orders/create was verified, stored and answered 2xx"

    async def _flow_entered(self) -> str | None:
        found = await self._stage.ask("/v1/follow-ups/search", {"to": self._stage.phone})
        planned = [each for each in (found or {}).get("follow_ups", []) if each["state"] == "pending"]
        if not planned:
            return None
        first = min(planned, key=lambda each: str(each["due_at"]))
        self.plot.follow_up_id = first["follow_up_id"]
        return f"{len(planned)} texts planned; the first is due at {first['due_local']}"

    async def _due(self) -> str | None:
        found = await self._stage.read(f"/v1/follow-ups/{self.plot.follow_up_id}")
        changes = [each["state"] for each in (found or {}).get("changes", [])]
        return "the clock jumped one hour; the timer fired and the gate was asked" if "released" in changes else None

    async def _verdict(self) -> str | None:
        found = await self._stage.read(f"/v1/decisions/{self.plot.follow_up_id}")
        decisions = (found or {}).get("decisions", [])
        if not decisions or decisions[-1]["decision"] != "send":
            return None
        verdict: dict[str, Any] = decisions[-1]
        rules = ", ".join(f"{rule['id']}: {rule['cite']}" for rule in verdict.get("rules", []))
        return f"{verdict['explanation']}{f' ({rules})' if rules else ''}"

    async def _text_on_phone(self) -> str | None:
        texts = await self._stage.texts_received()
        if not texts:
            return None
        self.plot.text = texts[-1]["body"]
        return _quoted(self.plot.text)

    async def _receipt(self) -> str | None:
        found = await self._stage.read(f"/v1/follow-ups/{self.plot.follow_up_id}")
        return "the provider's signed callback says: delivered" if found and found["state"] == "delivered" else None

    async def _click_seen(self) -> str | None:
        clicked = await self._kpi("click_through_rate")
        if not await self._event("click.recorded") or clicked is None or not clicked["numerator"]:
            return None
        return "a person, not a robot, opened the short link"

    async def _second_order_received(self) -> str | None:
        accepted = self.plot.second_order.get("status") == "accepted"
        return "the same customer bought again, 20 minutes later" if accepted else None

    async def _revenue(self) -> str | None:
        if not await self._event("conversion.attributed"):
            return None
        revenue = await self._kpi("revenue")
        if revenue is None or not revenue["value"]:
            return None
        return f"last click within 5 days: {SECOND_ORDER_MINOR / 100:.2f} USD credited to this text"

    async def _stop_seen(self) -> str | None:
        standing = await self._stage.ask("/v1/recipients/standing", {"to": self._stage.phone})
        if not standing or standing.get("consents", {}).get("marketing", {}).get("status") != "revoked":
            return None
        screen = await self._stage.texts_received()
        return f"written in the ledger, and confirmed once: {_quoted(screen[-1]['body'])}" if len(screen) > 1 else None

    async def _refused(self) -> str | None:
        found = await self._stage.read(f"/v1/follow-ups/{self.plot.refused_id}") if self.plot.refused_id else None
        if not found or found["state"] != "blocked":
            return None
        decisions = await self._stage.read(f"/v1/decisions/{self.plot.refused_id}")
        verdict = (decisions or {"decisions": [{}]})["decisions"][-1]
        return f"{found['reason']}: {verdict.get('explanation', '')}"

    async def _event(self, kind: str) -> dict[str, Any] | None:
        """Return the newest event of a type in the follow-up's journey."""
        found = await self._stage.read(f"/v1/journeys/{self.plot.follow_up_id}")
        events = [each for each in (found or {}).get("events", []) if each["type"] == kind]
        return events[-1] if events else None

    async def _kpi(self, name: str) -> dict[str, Any] | None:
        """Return one of the numbers of the last day."""
        found = await self._stage.read("/v1/kpis")
        return next((each for each in (found or {}).get("kpis", []) if each["name"] == name), None)


def _quoted(text: str) -> str:
    """Return a text as one line."""
    return "“" + " / ".join(text.splitlines()) + "”"
