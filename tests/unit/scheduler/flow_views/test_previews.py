"""Texts on an invented person: every field a flow may read has a value, and what cannot be made says why."""

from pathlib import Path

import pytest

from services.scheduler.flow_views.previews import MOST_PREVIEWS, previews_of
from services.scheduler.flow_views.views import written
from shared.config.directory import Merchant
from shared.config.flow import KINDS, Flow
from shared.config.vocabulary import FACTS, HISTORY_FIELDS, RECIPIENT_FIELDS, TRIGGER_FIELDS
from shared.events.trigger import TriggerKind
from shared.testing import make_scheduler
from shared.testing.clock import START


@pytest.fixture
def merchant(tmp_path: Path) -> Merchant:
    found = make_scheduler.merchants(tmp_path).get("acme")
    assert found is not None
    return found


def flow_of(body: str | dict[str, str], on: str = "purchase", **more: object) -> Flow:
    step = {"text": "one", "purpose": "marketing", "expire_after": "1d", "body": body}
    return Flow.model_validate({"flow": "f", "on": on, "steps": [step], **more})


@pytest.mark.parametrize("kind", KINDS)
def test_every_fact_of_every_kind_is_filled_in(merchant: Merchant, kind: str) -> None:
    names = sorted(
        {
            *(f"trigger.{name}" for name in {*TRIGGER_FIELDS, *FACTS[TriggerKind(kind)]}),
            *(f"recipient.{name}" for name in RECIPIENT_FIELDS - {"postal_code"}),
            *(f"history.{name}" for name in HISTORY_FIELDS),
        }
    )
    for name in names:
        flow = flow_of(f"a {{{{ {name} }}}}", kind)
        (preview,) = previews_of(flow, merchant, START)["one"]
        assert preview.problem is None, (name, preview.problem)
        assert preview.text is not None
        assert preview.text.startswith("Acme Coffee: a")


@pytest.mark.parametrize("declared", ["string", "int", "double", "bool", "list"])
def test_declared_facts_are_filled_in(merchant: Merchant, declared: str) -> None:
    flow = flow_of("a {{ trigger.own | default: 'x' }}", "custom.done", facts={"own": declared})
    (preview,) = previews_of(flow, merchant, START)["one"]
    assert preview.text is not None
    assert preview.text != "Acme Coffee: a x\nReply STOP to opt out"


def test_each_language_has_its_own_text_and_weight(merchant: Merchant) -> None:
    found = previews_of(flow_of({"en": "Hello", "es": "¿Más café en la cafetería?"}), merchant, START)["one"]
    assert [(each.locale, each.parts and each.parts.encoding) for each in found] == [("en", "gsm7"), ("es", "ucs2")]


def test_a_text_that_cannot_be_made_says_why(merchant: Merchant) -> None:
    (preview,) = previews_of(flow_of("{{ recipient.postal_code }}"), merchant, START)["one"]
    assert (preview.text, preview.parts) == (None, None)
    assert preview.problem is not None
    assert "postal_code" in preview.problem


def test_the_number_of_previews_is_bounded(merchant: Merchant) -> None:
    body = {f"{a}{b}": "x" for a in "abcdefghijklmno" for b in "abcdefghijklmno"}
    assert len(body) > MOST_PREVIEWS
    assert len(previews_of(flow_of(body), merchant, START)["one"]) == MOST_PREVIEWS


def test_a_version_is_written_as_a_file_says_it(merchant: Merchant) -> None:
    flow = merchant.flows["order-thank-you"]
    text = written(flow)
    assert text.startswith("flow: order-thank-you\ndescription:")
    assert "- wait: 1h" in text
