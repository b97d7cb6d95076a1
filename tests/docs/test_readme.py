"""The README works as written: its call answers in the demo that it names."""

import re
from pathlib import Path

from services.demo.environment import running_demo
from tests.docs.snippets import DOCS, request_of

README = (DOCS.parent / "README.md").read_text("utf-8")


async def test_the_call_of_the_readme_answers_in_the_demo(tmp_path: Path) -> None:
    [command] = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if block.startswith("curl")]
    async with running_demo(tmp_path / "demo") as running:
        shown = {"http://127.0.0.1:8080": running.address, "$FOLLOWUP_API_KEY": running.secrets.api_key}
        answer = await running.actions.client.send(request_of(command.replace("\\\n", " "), shown))
    assert answer.is_success, answer.text
    body = answer.json()
    assert body["dry_run"] is True
    assert "Your table is ready, Ana." in body["texts"][0]["text"]
    assert body["texts"][0]["parts"]["parts"] == 1


def test_the_commands_of_the_readme_exist() -> None:
    makefile = (DOCS.parent / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"^make (\w[\w-]*)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
