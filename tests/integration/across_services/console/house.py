"""The whole application in one process with two shops, and people who sign in to its console."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from services import embedded
from shared.http.auth import MERCHANT_HEADER
from shared.settings import ProcessSettings
from shared.vocabulary.roles import Role
from tests import empty_database

PASSWORD = "seven quiet beans roast"
MERCHANT = """
merchant: {name}
brand: {name} Coffee
sources: {{}}
providers: {{main: {{kind: simulated}}}}
numbers: [{{number: "{number}", provider: main, kind: long_code, registration: registered}}]
api_keys: []
"""


@asynccontextmanager
async def open_house(folder: Path, more: str = "") -> AsyncIterator[embedded.Application]:
    """Open the application with the shops acme and bolt; `more` stands in both files."""
    for name, number in (("acme", "+12025550100"), ("bolt", "+12025550101")):
        (folder / "merchants" / name).mkdir(parents=True, exist_ok=True)
        text = MERCHANT.format(name=name, number=number) + more
        (folder / "merchants" / name / "merchant.yaml").write_text(text, encoding="utf-8")
    empty_database.put_into(folder / "data")
    settings = ProcessSettings(data_dir=folder / "data", merchants_dir=folder / "merchants")
    async with embedded.open_application(settings) as application:
        yield application


class Person:
    """Somebody at the console, signed in by name; `operator` are the headers of the operator's token."""

    def __init__(self, application: embedded.Application) -> None:
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(application.app), base_url="http://localhost")
        self.operator = {"Authorization": f"Bearer {application.operator_token}"}
        self.name = ""

    async def enter(self, role: Role, merchant: str = "acme") -> "Person":
        self.name = f"{role}-{merchant}"
        await self.http.post(
            "/console/users",
            json={"name": self.name, "role": role, "password": PASSWORD},
            headers=self.operator_of(merchant),
        )
        answer = await self.http.post("/console/sign-in", data={"name": self.name, "password": PASSWORD})
        assert answer.status_code == 303
        return self

    def operator_of(self, merchant: str) -> dict[str, str]:
        return {**self.operator, MERCHANT_HEADER: merchant}

    async def page(self, path: str) -> str:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def send(self, to: str, *, seen_on: str | None = None, **form: str) -> httpx2.Response:
        """Send a form as it stands on a page; by default on the page it is sent to."""
        return await self.http.post(to, data={"form_token": await self.form_token(seen_on or to), **form})

    async def form_token(self, path: str = "/console/controls") -> str:
        found = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', await self.page(path))
        assert found is not None
        return found[1]

    async def read(self, path: str, merchant: str = "acme") -> Any:
        """Return what the API answers to the operator."""
        answer = await self.http.get(path, headers=self.operator_of(merchant))
        assert answer.status_code == 200, answer.text
        return answer.json()
