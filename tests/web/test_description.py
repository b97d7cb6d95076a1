"""The OpenAPI document: names that read well, every error described, and no answer that it does not declare.

The Python client that is made of it speaks with the application; the examples are those of its README.

`make torture SECTION=description` asks with a hundred times as many made-up requests.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from followup_client import AsyncFollowup, models
from services.demo.environment import RunningDemo, running_demo
from shared.http.operation_groups import GROUPS
from shared.http.operation_names import NAMED, by_rule
from shared.testing.waiting import until
from tests.seeds import SEED

pytestmark = pytest.mark.asyncio(loop_scope="module")
CASES, TORTURE_CASES = 2, 150
"""Made-up requests for each operation."""
README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
NOT_ASKED = {"/metrics", "/console/codes", "/console/users/{name}/password"}
"""Nothing to learn, or slow by design (argon2)."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningDemo]:
    async with running_demo(tmp_path_factory.mktemp("description") / "demo") as demo:
        yield demo


async def document_of(running: RunningDemo) -> dict[str, Any]:
    return dict((await running.actions.client.get("/openapi.json")).json())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, each) for path, methods in document["paths"].items() for method, each in methods.items()]


async def test_each_operation_has_a_name_of_its_own_that_a_client_can_use(running: RunningDemo) -> None:
    names = [each["operationId"] for _, _, each in operations(await document_of(running))]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z_]*", name)] == []


async def test_the_examples_of_the_python_client_do_what_they_say(
    running: RunningDemo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOLLOWUP_URL", running.address)
    monkeypatch.setenv("FOLLOWUP_API_KEY", running.secrets.api_key)
    enqueue, cancel, why = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)

    async def said_by(example: str) -> str:
        await asyncio.to_thread(exec, example, {})
        return capsys.readouterr().out

    first, second = await said_by(enqueue), await said_by(enqueue)
    assert first == second
    follow_up_id, state, *_ = first.split()
    assert state == "pending"
    assert await said_by(cancel) == ""
    async with AsyncFollowup(running.address, running.secrets.api_key) as client:
        assert (await client.get_follow_up(UUID(follow_up_id))).state == "cancelled"

        async def listed() -> bool:
            return bool((await client.list_messages(id=[UUID(follow_up_id)], state="cancelled")).messages)

        await until(listed)
    assert follow_up_id in await said_by(why)


async def test_what_the_ledger_and_the_intake_answer_is_what_the_client_knows(running: RunningDemo) -> None:
    number, source = "+12125550166", "https://shop.example/checkout"
    given = models.ConsentBody(to=number, scope="marketing", level="pewc", method="form", source=source)
    consent = {"scope": "marketing", "event": "granted", "level": "pewc", "captured_at": "2025-10-01T10:00:00Z"}
    event = models.EventBody(id="evt-client", kind="purchase", recipient=models.RecipientBody(phone=number))
    async with AsyncFollowup(running.address, running.secrets.api_key) as client:
        assert (await client.record_consent(given)).consents.marketing.status == "pewc"
        imported = await client.import_consents(models.ImportBody(rows=[{"to": number, **consent}]))
        assert [each.row for each in imported.refused] == [0]
        withdrawn = await client.record_withdrawal(models.RevocationBody(to=number, scope="all", reason="by phone"))
        assert (withdrawn.recorded, withdrawn.consents.marketing.status) == (True, "revoked")
        body = models.OptOutBody(reason="by phone", scope="all")
        assert (await client.opt_out_person(withdrawn.recipient_id, body)).recipient_id == withdrawn.recipient_id
        reported = await client.report_events([event, event.model_copy(update={"kind": "no kind"})])
        assert [bool(each.errors) for each in reported.events] == [False, True]


async def test_each_name_of_its_own_belongs_to_an_operation_and_is_not_what_the_rule_says(running: RunningDemo) -> None:
    routes = {f"{method.upper()} {path}" for method, path, _ in operations(await document_of(running))}
    assert NAMED.keys() - routes == set()
    assert [route for route, name in NAMED.items() if by_rule(*route.split(" ")) == name] == []


async def test_each_operation_is_in_one_group_and_its_summary_says_what_it_does(running: RunningDemo) -> None:
    document = await document_of(running)
    assert [tag["name"] for tag in document["tags"]] == list(GROUPS)
    for method, path, each in operations(document):
        assert len(each["tags"]) == 1, (method, path)
        assert each["tags"][0] in GROUPS, (method, path)
        assert re.fullmatch(r"[A-Z][a-z]+ .*[^.]", each["summary"]), (method, path, each["summary"])


async def test_each_error_is_a_problem_document(running: RunningDemo) -> None:
    document = await document_of(running)
    for method, path, each in operations(document):
        errors = {status: answer for status, answer in each["responses"].items() if int(status) >= 400}
        assert {"400", "429", "503"} <= errors.keys(), (method, path)
        for status, found in errors.items():
            answer = document["components"]["responses"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
            is_page = path == "/r/{code}" and status == "404"
            assert list(answer["content"]) == ["text/html" if is_page else "application/problem+json"], (path, status)
            assert answer["description"], (method, path, status)


async def test_each_body_has_an_example_that_its_schema_accepts(running: RunningDemo) -> None:
    document = await document_of(running)
    for method, path, each in operations(document):
        body = each.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if name := str(body.get("$ref", "")).rpartition("/")[2]:
            examples = document["components"]["schemas"][name].get("examples")
            assert examples, f"{method} {path}: {name} has no example"
            jsonschema_rs.validate({**body, "components": document["components"]}, examples[0])


@pytest.mark.parametrize("cases", [CASES, pytest.param(TORTURE_CASES, marks=pytest.mark.torture)])
async def test_no_answer_is_undeclared_and_none_is_a_failure(running: RunningDemo, cases: int) -> None:
    document = await document_of(running)
    schema: Any = schemathesis.openapi.from_dict(document)
    schema.config.base_url = running.address
    key = {"Authorization": f"Bearer {running.secrets.api_key}"}
    wrong: dict[str, str] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path not in NOT_ASKED:
            await asyncio.to_thread(ask, operation, key, cases, wrong)
    assert wrong == {}, "\n".join(f"{name}: {words}" for name, words in wrong.items())


def ask(operation: Any, headers: dict[str, str], cases: int, wrong: dict[str, str]) -> None:
    """Send made-up requests, and note what was answered otherwise than declared."""

    @seed(SEED)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        response = case.call(headers=headers)
        try:
            case.validate_response(
                response,
                checks=(
                    not_a_server_error,
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ),
            )
        except BaseException as failure:  # noqa: BLE001 - a group of the library's own failures
            wrong[f"{operation.method.upper()} {operation.path} {response.status_code}"] = str(failure)[:300]

    send()
