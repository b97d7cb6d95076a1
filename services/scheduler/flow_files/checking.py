"""What is wrong with a flow that somebody is writing, and what its texts would say (pure).

It is run in a process that can be killed (`check_process`): what somebody types may cost any time and memory.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.scheduler.flow_views.previews import previews_of
from shared.config import strict_yaml
from shared.config.check_flow import flow_problems
from shared.config.directory import Merchant
from shared.config.explain import read_as
from shared.config.flow import Flow
from shared.config.merchant import LinkSettings, MerchantConfig
from shared.config.problem import Problem, Severity
from shared.config.reader import ReadFlow
from shared.ids import MerchantId

MOST_PROBLEMS: Final = 100
_SAME_NAME: Final = "give both the same name"
"""How to mend the warning that this checks as an error."""
_SHOP_FIELDS: Final = ("merchant", "brand", "locale", "country", "time_zone", "contact")


def question_of(name: str, text: str, merchant: Merchant, now: str) -> dict[str, Any]:
    """Return what the process is asked: the text, and what it must know of the shop, which is nothing secret."""
    config = merchant.config
    shop = {field: getattr(config, field) for field in _SHOP_FIELDS}
    return {
        "name": name,
        "text": text,
        "shop": shop,
        "links": None if config.links is None else config.links.base_url,
        "now": now,
    }


def answer_to(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the version, problems and texts of what somebody is writing, as values of JSON.

    Without a version it cannot be read at all; with an error among the problems it must not come into force.
    """
    links = question["links"]
    config = MerchantConfig(**question["shop"], links=None if links is None else LinkSettings(base_url=links))
    document = strict_yaml.load(question["text"], f"{question['name']}.yaml")
    if isinstance(document, Problem):
        return _answer([document])
    flow = read_as(Flow, document)
    if isinstance(flow, list):
        return _answer(flow)
    problems = [each for each in flow_problems(ReadFlow(flow, document), config) if each.fix != _SAME_NAME]
    if flow.flow != question["name"]:
        message = f"the flow is named '{flow.flow}' but its file '{question['name']}'"
        problems.insert(0, document.error(("flow",), message, f"write 'flow: {question['name']}'"))
    texts = previews_of(
        flow, Merchant(MerchantId(config.merchant), config, {}), datetime.fromisoformat(question["now"])
    )
    shown = [
        {
            "text": step.text,
            "purpose": step.purpose,
            "previews": [preview.model_dump(mode="json") for preview in texts[step.text]],
        }
        for step in flow.texts()
    ]
    return _answer(problems) | {"version": flow.version(), "texts": shown}


def _answer(problems: list[Problem]) -> dict[str, Any]:
    listed = [
        {"line": each.line, "severity": each.severity.value, "message": each.message, "fix": each.fix}
        for each in problems[:MOST_PROBLEMS]
    ]
    is_valid = not any(each.severity is Severity.ERROR for each in problems)
    return {"is_valid": is_valid, "version": None, "problems": listed, "texts": []}
