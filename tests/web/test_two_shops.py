"""Two shops in one application: of a shop of thirty days, another shop's key, users and forms find nothing.

Every operation of the running application is asked by the other shop with the ids that the lived shop really has, once
as a key with all scopes and once as an owner at the console; what the operations are is read from the application.
"""

import hashlib
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2
import pytest

from services import embedded
from services.scheduler.approvals import store as approval_store
from services.scheduler.approvals.deciding import LIFE, Approval, ApprovalAction
from shared import aad
from shared.config.vocabulary import SCOPES
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import MERCHANT_HEADER
from shared.ids import MerchantId
from shared.settings import ProcessSettings
from shared.testing import make
from shared.testing.clock import FakeClock
from tests.lived_shop import OPENED_AT, LivedShop, made
from tests.web.test_permissions import OTHER, PASSWORD, bearer, merchant, operations

pytestmark = pytest.mark.timeout(300)

SHOP: Final = "acme"
IDS: Final = {
    "recipient_id": "SELECT recipient_id FROM sender_conversations WHERE contact IS NOT NULL",
    "follow_up_id": "SELECT * FROM (SELECT id FROM scheduler_follow_ups WHERE state = 'pending' LIMIT 1) UNION ALL "
    "SELECT * FROM (SELECT follow_up_id FROM sender_dispatches WHERE state = 'delivered' LIMIT 2)",
    "request_id": "SELECT request_id FROM compliance_privacy_requests",
    "delivery_id": "SELECT delivery_id FROM ingest_deliveries",
    "reply_id": "SELECT digest FROM sender_unassigned_replies",
    "answer_id": "SELECT id FROM sender_saved_answers",
    "approval_id": "SELECT id FROM scheduler_approvals",
    "invitation_id": "SELECT invitation_id FROM console_invitations",
}
"""For each parameter of a path that names something of one shop alone, where the lived shop's are."""
NAMES: Final = {
    "flow": "SELECT flow FROM scheduler_flow_files WHERE missing_since IS NULL",
    "day": "SELECT DISTINCT day FROM sender_audit_days",
}
"""Likewise for what each shop may have one of."""
_HELD: Final = {**IDS, **NAMES}
OPEN: Final = {
    "code": "a short link is for whoever has it",
    "import_id": "an import stands in one shop's session; the lived shop has none",
    "name": "of a user or an endpoint: each shop has its own names",
    "merchant": "a provider's or platform's signature decides",
    "provider": "as above",
    "source": "as above",
    "right": "a word of the API",
}
"""Parameters that name nothing of the other shop's."""
FORMS: Final = {
    "/console/saved-answers/{answer_id}/remove",
    "/console/inbox/unassigned/{reply_id}/assign",
    "/console/inbox/unassigned/{reply_id}/dismiss",
}
"""What is gone already, or never was, is gone: these lead back to their list."""
_EACH: Final = 3
"""So many of the lived shop's values are tried for each parameter."""
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LivedShop:
    return made(tmp_path_factory)


@asynccontextmanager
async def two_shops(lived: LivedShop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["TwoShops"]:
    shutil.copytree(lived.folder, folder)
    (folder / "merchants" / "other").mkdir()
    text = merchant("other", "+12025550109", [(OTHER, SCOPES)])
    (folder / "merchants" / "other" / "merchant.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("SHOPIFY_SECRET", "s" * 32)
    for name, value in lived.secrets.environment().items():
        monkeypatch.setenv(name, value)
    settings = ProcessSettings(data_dir=folder, merchants_dir=folder / "merchants", requests_per_second=1_000_000)
    async with embedded.open_application(settings, clock=FakeClock(OPENED_AT)) as application:
        shops = TwoShops(application, folder / "followup.db")
        await shops.begin()
        yield shops


class TwoShops:
    """The application, whose background work stands still, and both shops' ways to ask it."""

    def __init__(self, application: embedded.Application, database: Path) -> None:
        transport = httpx2.ASGITransport(application.app, raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://localhost")
        self.application = application
        self.database = database
        self.own = bearer(application.operator_token, **{MERCHANT_HEADER: SHOP})
        self.other = bearer(OTHER)
        self.form_token = ""
        self._values: dict[str, list[str]] = {}

    async def begin(self) -> None:
        """Let the lived shop have one of each thing, and an owner of the other shop sign in."""
        person = written(self.rows(IDS["recipient_id"])[0][0])
        await self.did(f"/v1/standings/{person}/export", {})
        await self.did("/v1/saved-answers", {"title": "Hours", "text": "At nine."})
        await self.did("/console/invitations", {"role": "viewer"})
        await self.application.runtime.units.run(self._ask, WritePriority.BATCHES)
        for name, query in _HELD.items():
            found = self.rows(f"SELECT * FROM ({query}) ORDER BY 1 LIMIT {_EACH}")  # noqa: S608 - our own queries
            self._values[name] = [written(value) for (value,) in found]
        assert all(self._values.values()), self._values
        named = {"name": "olga", "role": "owner", "password": PASSWORD}
        headers = bearer(self.application.operator_token, **{MERCHANT_HEADER: "other"})
        assert (await self.http.post("/console/users", json=named, headers=headers)).is_success
        await self.http.post("/console/sign-in", data={"name": "olga", "password": PASSWORD})
        form = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', await self.page("/console"))
        assert form is not None
        self.form_token = form[1]

    async def _ask(self, uow: UnitOfWork) -> None:
        """Store a question for a second person: the lived shop lets one person resume everything."""
        merchant = MerchantId(SHOP)
        reason = self.application.runtime.sealer.seal(merchant, aad.approval_reason(make.REQUEST), b"the code works")
        question = Approval(
            id=make.REQUEST,
            merchant_id=merchant,
            action=ApprovalAction.RESUME,
            subject=dict.fromkeys(("flow", "step", "number", "provider")) | {"controls": []},
            texts=812,
            asked_by="user:anna",
            asked_at=uow.now,
            reason=reason,
            expires_at=uow.now + LIFE,
        )
        await approval_store.save(uow.db, question)

    async def did(self, path: str, body: Mapping[str, Any]) -> None:
        answer = await self.http.post(path, json=body, headers=self.own)
        assert answer.is_success, (path, answer.text)

    async def page(self, path: str) -> str:
        return (await self.http.get(path)).text

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"{self.database.resolve().as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def values(self, parameter: str) -> list[str]:
        """Return values that a parameter of a path can have at the lived shop."""
        return self._values[parameter]

    def state(self) -> dict[str, str]:
        """Return a digest of all that each table holds of the lived shop."""
        found = {}
        for (table,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            columns = {name for _, name, *_ in self.rows(f"PRAGMA table_info({table})")}
            if "merchant_id" in columns:
                rows = self.rows(f"SELECT * FROM {table} WHERE merchant_id = '{SHOP}'")  # noqa: S608 - our own tables
                found[table] = hashlib.sha256(repr(sorted(map(repr, rows))).encode()).hexdigest()
        return found

    def ids(self) -> set[str]:
        """Return every id that rows of the lived shop hold."""
        found: set[str] = set()
        for (table,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            columns = [name for _, name, *_ in self.rows(f"PRAGMA table_info({table})")]
            if "merchant_id" in columns:
                rows = self.rows(f"SELECT * FROM {table} WHERE merchant_id = '{SHOP}'")  # noqa: S608 - our own tables
                found |= {
                    written(value) for row in rows for value in row if isinstance(value, bytes) and len(value) == 16
                }
        return found


def written(value: Any) -> str:
    """Return a value of a row as it stands in a path."""
    if isinstance(value, bytes):
        return str(UUID(bytes=value)) if len(value) == 16 else value.hex()
    return str(value)


def parameters(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def addresses(shops: TwoShops, path: str) -> Iterator[str]:
    """Yield a path with each of the lived shop's values in it."""
    asked = parameters(path)
    for place in range(_EACH):
        filled = path
        for name in asked:
            values = shops.values(name) if name in _HELD else ["exports" if name == "right" else "x1"]
            filled = filled.replace(f"{{{name}}}", values[place % len(values)])
        yield filled
        if not asked:
            return


def own_operations(shops: TwoShops) -> list[tuple[str, str]]:
    return [
        (method, path)
        for method, path in operations(shops.application)
        if path.startswith(("/v1/", "/console")) and "/static/" not in path
    ]


def named(body: Any, shops: TwoShops, field: str = "") -> Any:
    """Return the example of a body with the lived shop's ids in place of its own."""
    if isinstance(body, dict):
        return {name: named(value, shops, name) for name, value in body.items()}
    if isinstance(body, list):
        return [named(value, shops, field) for value in body]
    if isinstance(body, str) and _UUID.fullmatch(body):
        return shops.values(field if field in IDS else "follow_up_id")[0]
    return body


def examples(document: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return the example of each operation's body."""
    found: dict[tuple[str, str], Any] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            while "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
            found[method.upper(), path] = next(iter(schema.get("examples", [])), {})
    return found


async def asked_by_other(shops: TwoShops, method: str, path: str, address: str, body: Any) -> httpx2.Response:
    """Ask as the other shop: a page by its owner's form, the API by its key, invitations by the operator for it."""
    if path.startswith("/console/invitations"):
        headers = bearer(shops.application.operator_token, **{MERCHANT_HEADER: "other"})
        return await shops.http.request(method, address, json={"role": "viewer"}, headers=headers)
    if path.startswith("/console"):
        form = {"form_token": "" if path == "/console/sign-out" else shops.form_token}  # it would end the session
        return await shops.http.request(method, address, data={**form, "answer": "no"})
    sent = None if method == "GET" else named(body, shops)
    return await shops.http.request(method, address, json=sent, headers=shops.other)


async def test_another_shop_finds_and_changes_nothing(
    lived: LivedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_shops(lived, tmp_path / "copy", monkeypatch) as shops:
        every = own_operations(shops)
        assert {name for _, path in every for name in parameters(path)} <= _HELD.keys() | OPEN.keys()
        ids, before, bodies = shops.ids(), shops.state(), examples(shops.application.app.openapi())
        assert len(ids) > 1000
        wrong = []
        for method, path in every:
            is_one_shops = any(name in IDS for name in parameters(path))
            expected = HTTPStatus.SEE_OTHER if path in FORMS else HTTPStatus.NOT_FOUND
            for address in addresses(shops, path):
                answer = await asked_by_other(shops, method, path, address, bodies.get((method, path), {}))
                if is_one_shops and answer.status_code != expected:
                    wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:100]}")
                if told := {each for each in _UUID.findall(answer.text) if each in ids and each not in address}:
                    wrong.append(f"{method} {path} tells {told}")
        assert wrong == [], "\n".join(wrong)
        after = shops.state()
        assert [table for table, rows in before.items() if after[table] != rows] == []
        assert await unseen_by_its_own_shop(shops) == set()


async def unseen_by_its_own_shop(shops: TwoShops) -> set[str]:
    """Return the paths that find nothing for the lived shop either: asking them as another would prove nothing."""
    found: set[str] = set()
    for method, path in own_operations(shops):
        if method == "GET" and path.startswith("/v1/") and any(name in _HELD for name in parameters(path)):
            answers = [await shops.http.get(address, headers=shops.own) for address in addresses(shops, path)]
            found |= set() if any(each.is_success for each in answers) else {path}
    return found
