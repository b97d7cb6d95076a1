"""Shops that race: texts become due while somebody pauses or stops them, and the provider's record is the witness."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from shared.clock import SystemClock
from shared.http.auth import MERCHANT_HEADER, key_sha256
from shared.testing.process import API_KEY
from shared.testing.waiting import until
from tests.e2e.orders import ENDS, order

OVER = ENDS | {"dispatched"}
"""A text that the provider has taken is sent; its receipt may be lost on a busy machine, and is asked for later."""
TEXTS = 12
"""Of one race."""
FLOW = """
flow: order-thank-you
on: purchase
enter: {once_per: trigger.subject}
steps:
  - wait: 5s
  - text: thanks
    purpose: transactional
    expire_after: 3d
    body: {en: "Thanks for order {{ trigger.order_name }}!"}
"""
CALL_MAY_BEGIN_FOR = timedelta(seconds=2)
"""After `in_force_at` (send-protocol section 1, step 4)."""
ON_THE_WAY = timedelta(seconds=0.5)
"""From where a call begins to where the provider's own process has written it down."""
_WAIT = timedelta(seconds=5)
_LEAD_SECONDS = 0.8
_DUE_SECONDS = 3.0
"""Texts become due for so long: before the control, in its first two seconds, and after them."""
OPERATOR_TOKEN = "the-operator-of-the-end-to-end-tests"


class Taken(NamedTuple):
    """A text as the provider's record has it."""

    order: int
    to: str
    at: datetime


class Lane:
    """One shop, with a key, a number and customers of its own, that runs one race after the other."""

    def __init__(self, number: int, client: httpx2.AsyncClient, clock: SystemClock, texts_file: Path) -> None:
        self.merchant = name_of(number)
        self.sender = sender_of(number)
        self.client = client
        self.headers = {"Authorization": f"Bearer {key_of(number)}"}
        self.orders = 0
        self.before, self.held, self.stopped = 0, 0, 0
        """Texts that went before their control held them, that waited for its end, and that were stopped."""
        self._known: set[str] = set()
        """Follow-ups of earlier races."""
        self._clock = clock
        self._texts_file = texts_file
        self._dice = random.Random(number)  # noqa: S311 - for a test's timing

    def scopes(self, person: str) -> Sequence[dict[str, Any]]:
        """Return every scope that a key of the shop may name, for texts to one person and to others."""
        flow = {"flow": "order-thank-you"}
        return (
            flow,
            {"merchant": self.merchant},
            {**flow, "step": "thanks"},
            {"to": person},
            {"number": self.sender},
            {"provider": "main"},
        )

    async def race(self, turn: int) -> None:
        """Let texts become due, and pause or stop them meanwhile; see what was called when, and that nothing is lost.

        Each race has the next scope; one in four is a stop.
        """
        person = self.phone(self.orders)
        scopes = self.scopes(person)
        scope = scopes[turn % len(scopes)]
        numbers, begin = await self.post(person)
        await self.sleep_until(begin + timedelta(seconds=self._dice.uniform(-0.2, 1.5)))
        action = "stop" if self._dice.random() < 1 / 4 else "pause"
        in_force_at = await change(self.client, self.headers, action, scope)
        await self.sleep_until(in_force_at + timedelta(seconds=2.6))
        seen = self.taken(numbers)
        self.none_began_after(in_force_at, [text for text in seen if scope.keys() != {"to"} or text.to == person])
        await resume(self.client, self.headers, scope)
        await self.see_all_end(numbers, seen, is_stop=action == "stop")

    async def post(self, person: str) -> tuple[range, datetime]:
        """Post the orders of a race, every third by one person; return them, and when the first text is due."""
        numbers = range(self.orders, self.orders + TEXTS)
        self.orders += TEXTS
        begin = self._clock.now() + timedelta(seconds=_LEAD_SECONDS)
        events = []
        for number in numbers:
            due = begin + timedelta(seconds=self._dice.uniform(0, _DUE_SECONDS))
            phone = person if number % 3 == 0 else self.phone(number + 1)
            events.append(
                {**order(number, (due - _WAIT).isoformat()), "recipient": {**order(0, "")["recipient"], "phone": phone}}
            )
        answer = await self.client.post("/v1/events", json=events, headers=self.headers)
        assert answer.status_code == httpx2.codes.ACCEPTED, answer.text
        return numbers, begin

    def taken(self, numbers: range) -> list[Taken]:
        """Return which texts of a race the provider has taken, in that order."""
        connection = sqlite3.connect(f"{self._texts_file.resolve().as_uri()}?mode=ro", uri=True)
        try:
            query = (
                "SELECT body, to_number, created_at_us FROM texts WHERE from_number = ? AND direction = 'outbound-api'"
            )
            rows = connection.execute(f"{query} ORDER BY seq DESC LIMIT {4 * TEXTS}", [self.sender]).fetchall()
        finally:
            connection.close()
        zone = self._clock.now().tzinfo
        found = [
            Taken(int(body.partition("#")[2].partition("!")[0]), to, datetime.fromtimestamp(at / 1e6, zone))
            for body, to, at in reversed(rows)
        ]
        return [text for text in found if text.order in numbers]

    def none_began_after(self, in_force_at: datetime, texts: Sequence[Taken]) -> None:
        """Check the promise: no call begins later than two seconds after a control is in force."""
        late = [text for text in texts if text.at > in_force_at + CALL_MAY_BEGIN_FOR + ON_THE_WAY]
        assert not late, f"in force at {in_force_at}, and yet {self.merchant} called: {late}"

    async def see_all_end(self, numbers: range, before: Sequence[Taken], *, is_stop: bool) -> None:
        """Wait until each text of a race has ended: sent exactly once, or, after a stop, stopped and not sent."""

        async def ended() -> list[dict[str, Any]]:
            answer = await self.client.get("/v1/follow-ups", params={"limit": str(TEXTS)}, headers=self.headers)
            found: list[dict[str, Any]] = answer.json()["follow_ups"]
            is_over = all(each["state"] in OVER and each["follow_up_id"] not in self._known for each in found)
            return found if is_over and len(found) == TEXTS else []

        try:
            found = await until(ended)
        except AssertionError:
            answer = await self.client.get("/v1/follow-ups", params={"limit": str(TEXTS)}, headers=self.headers)
            left = [each for each in answer.json()["follow_ups"] if each["state"] not in OVER]
            raise AssertionError(f"{self.merchant}, {'a stop' if is_stop else 'a pause'}: {left} do not end") from None
        self._known = {each["follow_up_id"] for each in found}
        taken = self.taken(numbers)
        times = Counter(text.order for text in taken)
        assert not [number for number, n in times.items() if n > 1], f"{self.merchant} texted twice: {times}"
        ends = Counter((each["state"], each["reason"]) for each in found)
        stopped = ends["cancelled", "texts_stopped"] + ends["failed", "texts_stopped"]
        unknown = sum(n for (state, _), n in ends.items() if state == "unknown")
        assert TEXTS - unknown <= len(times) + stopped <= TEXTS, (self.merchant, numbers, times, ends)
        assert is_stop or not stopped
        self.before += len(before)
        self.held += len(taken) - len(before)
        self.stopped += stopped

    def phone(self, number: int) -> str:
        return f"+1212555{number % 10_000:04d}"

    async def sleep_until(self, at: datetime) -> None:
        await asyncio.sleep(max(0.0, (at - self._clock.now()).total_seconds()))


async def everything(lanes: Sequence[Lane], action: str) -> None:
    """Race all shops at once against the operator's control on every merchant."""
    headers = {"Authorization": f"Bearer {OPERATOR_TOKEN}", MERCHANT_HEADER: lanes[0].merchant}
    client, scope = lanes[0].client, {"everything": True}
    posted = await asyncio.gather(*(lane.post(lane.phone(lane.orders)) for lane in lanes))
    await lanes[0].sleep_until(max(begin for _, begin in posted) + timedelta(seconds=0.3))
    in_force_at = await change(client, headers, action, scope)
    await lanes[0].sleep_until(in_force_at + timedelta(seconds=2.6))
    seen = [lane.taken(numbers) for lane, (numbers, _) in zip(lanes, posted, strict=True)]
    for lane, texts in zip(lanes, seen, strict=True):
        lane.none_began_after(in_force_at, texts)
    await resume(client, headers, scope)
    for lane, (numbers, _), texts in zip(lanes, posted, seen, strict=True):
        await lane.see_all_end(numbers, texts, is_stop=action == "stop")


async def change(
    client: httpx2.AsyncClient, headers: Mapping[str, str], action: str, scope: dict[str, Any]
) -> datetime:
    """Put a control in force and wait until the sender obeys; return since when."""
    body = {"action": action, "scope": scope, "reason": "a race"}
    answer = await client.post("/v1/controls", json=body, headers=headers)
    assert answer.status_code == httpx2.codes.ACCEPTED, answer.text
    made = answer.json()["controls"][0]["control_id"]
    return await until(partial(_in_force_at, client, headers, made))


async def resume(client: httpx2.AsyncClient, headers: Mapping[str, str], scope: dict[str, Any]) -> None:
    """Lift a control, once it has done what there was to do."""

    async def is_done() -> bool:
        shown = (await client.get("/v1/controls", params={"limit": "200"}, headers=headers)).json()["controls"]
        return not any(each["in_progress"] for each in shown)

    await until(is_done)
    answer = await client.post(
        "/v1/controls", json={"action": "resume", "scope": scope, "reason": "over"}, headers=headers
    )
    assert answer.status_code == httpx2.codes.ACCEPTED, answer.text


async def _in_force_at(client: httpx2.AsyncClient, headers: Mapping[str, str], control: str) -> datetime | None:
    shown = (await client.get("/v1/controls", headers=headers)).json()["controls"]
    said = next(each["in_force_at"] for each in shown if each["control_id"] == control)
    return datetime.fromisoformat(said) if said else None


def name_of(number: int) -> str:
    """Return the merchant of a lane."""
    return f"shop-{number}"


def sender_of(number: int) -> str:
    """Return the number a lane sends from."""
    return f"+12025550{100 + number}"


def key_of(number: int) -> str:
    """Return the API key of a lane."""
    return f"fu_lane-{number}"


def write_lanes(merchants: Path, lanes: int) -> None:
    """Make so many shops of the one that is there, each with a name, a number and a key of its own."""
    source = merchants / "acme"
    text = (source / "merchant.yaml").read_text(encoding="utf-8")
    flow = (source / "flows" / "flow.yaml").read_text(encoding="utf-8")
    for number in range(lanes):
        shop = merchants / name_of(number)
        (shop / "flows").mkdir(parents=True)
        own = text.replace("merchant: acme", f"merchant: {name_of(number)}").replace(sender_of(0), sender_of(number))
        own = own.replace(key_sha256(API_KEY), key_sha256(key_of(number)))
        (shop / "merchant.yaml").write_text(own, encoding="utf-8")
        (shop / "flows" / "flow.yaml").write_text(flow, encoding="utf-8")
    for file in (source / "flows" / "flow.yaml", source / "merchant.yaml"):
        file.unlink()
    (source / "flows").rmdir()
    source.rmdir()
