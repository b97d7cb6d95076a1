"""Nobody's number, name or words stand in clear text anywhere but on the phone, where they belong."""

import base64
import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog

from services.demo.environment import RunningDemo
from shared.http.auth import MERCHANT_HEADER
from shared.telemetry import logs
from shared.testing.waiting import until

PHONE = "+12125550143"
NAME = "Zephyrine"
WORDS = "quokkalantern"
"""In what the shop writes, what the person answers, and what the consent showed."""
_NUMBER = re.compile(rb"212[^0-9A-Za-z]{0,4}555[^0-9A-Za-z]{0,4}0143")
_BASE64_CHARACTERS = re.compile(rb"[A-Za-z0-9+/_-]{8,}")


def spellings(word: str) -> set[bytes]:
    """Return a word as it is, in hexadecimal, and as it looks inside base64, wherever in it the word may begin."""
    clear = word.encode()
    found = {clear, clear.hex().encode(), word.encode("utf-16-le")}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + clear)
        found.add(encoded[(0, 2, 3)[before] : -4])  # its ends depend on the neighbours
    return found


SPELLINGS = frozenset().union(*(spellings(word) for word in (PHONE[2:], NAME, NAME.upper(), WORDS, WORDS.upper())))


def leaks(places: Mapping[str, bytes]) -> list[str]:
    """Return what was found where."""
    found = [f"{place}: {each!r}" for place, text in places.items() for each in SPELLINGS if each in text]
    return found + [f"{place}: {hit!r}" for place, text in places.items() for hit in _NUMBER.findall(text)]


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file of the data folder, the simulated provider's record left out: it is the phone."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("simulator.db")
    }


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    """Give the process its loggers back."""
    handlers = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


class Asking:
    """Asks the application, and keeps every answer it gave."""

    def __init__(self, shop: RunningDemo) -> None:
        self.shop = shop
        self.actions = shop.actions
        self.answers: dict[str, bytes] = {}

    async def ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        answer = await self.actions.client.request(method, path, headers=self.actions.authorization, **request)
        place = f"{len(self.answers)} {method} {path}"
        self.answers[place] = answer.content + repr(answer.headers).encode()
        return answer

    async def state(self, follow_up: str, state: str) -> bool:
        return bool((await self.ask("GET", f"/v1/follow-ups/{follow_up}")).json()["state"] == state)


CONSENT = {
    "to": "(212) 555-0143",
    "scope": "marketing",
    "event": "granted",
    "level": "pewc",
    "captured_at": "2026-01-05T14:59:00Z",
    "method": "form",
    "disclosure": f"texts about {WORDS}",
    "source": "https://acme.example/form",
    "evidence": {"name": NAME, "phone": PHONE},
}
TEXT = {
    "to": "212-555-0143",
    "purpose": "transactional",
    "text": f"{{{{ recipient.first_name }}}}, your {WORDS} for {{{{ trigger.who }}}} is ready",
    "recipient": {"first_name": NAME, "last_name": NAME, "country": "US", "state": "NY"},
    "facts": {"who": NAME, "phone": PHONE},
}
EVENT = {"id": "e1", "kind": "inquiry", "recipient": {"phone": PHONE, "first_name": NAME}, "facts": {"q": WORDS}}
WRONG_TEXTS: list[dict[str, Any]] = [
    {"to": f"{PHONE}0000000"},
    {"recipient": {"time_zone": PHONE}},
    {"recipient": {"first_name": [NAME]}},
    {"text": f"{{{{ {NAME} }}"},
    {"due_at": f"{WORDS} {PHONE}"},
    {"purpose": NAME},
    {"if_past": PHONE},
]
WRONG_CONSENTS: list[dict[str, Any]] = [{"level": NAME}, {"to": f"{PHONE}99999999"}, {"captured_at": PHONE}]


async def make_mistakes(asking: Asking) -> None:
    """Send what is refused; no refusal may repeat what was sent."""
    for text in WRONG_TEXTS:
        assert (await asking.ask("POST", "/v1/follow-ups", json={**TEXT, **text})).status_code == 422
    for consent in WRONG_CONSENTS:
        assert (await asking.ask("POST", "/v1/consents", json={**CONSENT, **consent})).status_code == 422
    for path in ("/v1/events", "/v1/gate/evaluations"):
        wrong = {"id": NAME, "kind": WORDS, "to": [PHONE], "class": PHONE}
        assert (await asking.ask("POST", path, json=wrong)).status_code == 422
    await asking.ask("GET", f"/r/{NAME}")


async def live(shop: RunningDemo, asking: Asking) -> list[str]:
    """Live through all that can happen to a person; return the ids of a text that went and of one that did not."""
    actions = shop.actions
    actions.phone = PHONE
    order = await actions.place_order(number=1, minor=4900, at=shop.clock.now())
    assert order.json()["status"] == "accepted"
    for path, body in (("/v1/consents", CONSENT), ("/v1/events", EVENT)):
        assert (await asking.ask("POST", path, json=body)).is_success
    sent = (await asking.ask("POST", "/v1/follow-ups", json=TEXT)).json()["follow_up_id"]
    await until(lambda: asking.state(sent, "delivered"))
    actions.jump(timedelta(hours=1, seconds=1))

    async def linked() -> list[str]:
        return [each["body"] for each in await actions.texts_received() if "/r/" in each["body"]]

    [text] = await until(linked)
    visit = await actions.tap_link(text)
    assert visit is not None
    assert visit.status_code == 302
    for words in (f"{NAME} likes {WORDS}", f"STOP {WORDS}", "STOP"):
        await actions.reply(words)

    async def confirmed() -> bool:
        return any("unsubscribed" in each["body"] for each in await actions.texts_received())

    await until(confirmed)
    refused = (await asking.ask("POST", "/v1/follow-ups", json=TEXT)).json()["follow_up_id"]
    await until(lambda: asking.state(refused, "blocked"))
    bodies = [each["body"] for each in await actions.texts_received()]
    assert any(NAME in body and WORDS in body for body in bodies), "the phone shows what no other place may"
    return [sent, refused]


async def read_everything(asking: Asking, follow_ups: list[str]) -> None:
    """Read whatever can be read about people."""
    actions = asking.actions
    for path in ("/v1/follow-ups/search", "/v1/recipients/standing"):
        assert (await asking.ask("POST", path, json={"to": PHONE})).is_success
    stories = [f"/v1/{kind}/{each}" for kind in ("journeys", "decisions") for each in follow_ups]
    figures = ["/v1/kpis", "/v1/kpis?by=segment", "/v1/facts", "/v1/enrollments", "/v1/follow-ups", "/v1/flows"]
    for path in (*stories, f"/v1/dispatches/{follow_ups[0]}", *figures, "/metrics", "/readyz", "/openapi.json"):
        assert (await asking.ask("GET", path)).is_success, path
    operator = {"Authorization": f"Bearer {asking.shop.application.operator_token}", MERCHANT_HEADER: "acme"}
    vera = {"name": "vera", "password": "seven quiet beans roast"}  # looks on: what is written is not shown to her
    made = await actions.client.post("/console/users", json={**vera, "role": "viewer"}, headers=operator)
    assert made.is_success, made.text
    assert (await actions.client.post("/console/sign-in", data=vera)).status_code == HTTPStatus.SEE_OTHER
    lists = ("/console/messages", "/console/results", "/console/settings")
    for path in ("/console", *lists, *(f"/console/follow-ups/{each}" for each in follow_ups)):
        page = await asking.ask("GET", path)
        assert "Acme Coffee" in page.text
        for address in re.findall(r'href="(/console/rows[^"]*)"', page.text):
            assert (await asking.ask("GET", address.replace("&amp;", "&"))).is_success


@pytest.mark.usefixtures("_as_it_was")
async def test_after_a_full_run_no_number_name_or_word_is_found_in_clear(
    shop: RunningDemo, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", form="json")
    asking = Asking(shop)
    await make_mistakes(asking)
    await read_everything(asking, await live(shop, asking))
    logs.logger("test").info("the_end")
    seen = capfd.readouterr()
    files = files_of(tmp_path)
    assert {"followup.db", "followup.db-wal"} <= {Path(name).name for name in files}
    assert sum(map(len, files.values())) > 100_000
    # The test's own HTTP client and the virtual phones name numbers in their addresses.
    own = "\n".join(line for line in seen.err.splitlines() if "httpx2" not in line and "httpcore2" not in line)
    assert "the_end" in own
    reported = {**asking.answers, "log": own.encode(), "output": seen.out.encode()}
    reported = {place: text for place, text in reported.items() if "POST /v1/events" not in place or b"422" in text}
    assert leaks({**files, **reported}) == []


def test_a_planted_number_name_or_word_is_found(tmp_path: Path) -> None:
    planted = {
        "number": "to +12125550143 now",
        "bare": "2125550143",
        "national": "(212) 555-0143",
        "dotted": "212.555.0143",
        "encoded": "to=%2B12125550143",
        "hex": b"call 2125550143".hex(),
        "json": json.dumps({"name": NAME}),
        "base64": base64.b64encode(b'{"first_name": "Zephyrine"}').decode(),
        "words": f"your {WORDS} is ready",
    }
    for name, text in planted.items():
        (tmp_path / name).write_bytes(b"\0" * 50 + text.encode() + b"\0" * 50)
    (tmp_path / "clean").write_text("+12025550100 Acme Coffee 212 and 555 and 0143")
    found = {Path(leak.partition(":")[0]).name for leak in leaks(files_of(tmp_path))}
    assert found == set(planted)
