"""Texts of a flow as they would be sent to an invented person (pure)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from services.scheduler.api_models import PartsAnswer
from services.scheduler.flow_views.bodies import TextPreviewAnswer
from services.scheduler.runs.invented import invented_names
from services.scheduler.runs.previews import stand_in_link
from shared.config.directory import Merchant
from shared.config.flow import Flow, TextStep
from shared.events.follow_up import Purpose
from shared.rendering.render import RenderFailed, RenderInput, render

MOST_PREVIEWS: Final = 200
"""Of one flow: texts times languages."""


def previews_of(flow: Flow, merchant: Merchant, now: datetime) -> dict[str, list[TextPreviewAnswer]]:
    """Return each text in each language, as it would be sent to an invented person who never got one before."""
    found: dict[str, list[TextPreviewAnswer]] = {}
    left = MOST_PREVIEWS
    for number, step in enumerate(flow.texts()):
        found[step.text] = list(_previews(step, flow, merchant, now, left, is_first=number == 0))
        left -= len(found[step.text])
    return found


def _previews(
    step: TextStep, flow: Flow, merchant: Merchant, now: datetime, most: int, *, is_first: bool
) -> Iterator[TextPreviewAnswer]:
    config = merchant.config
    for locale, template in list(step.bodies(config.locale).items())[:most]:
        made = render(
            RenderInput(
                template=template,
                facts=invented_names(flow, merchant, locale, now),
                brand=config.brand,
                locale=locale,
                purpose=Purpose(step.purpose),
                first_contact=is_first,
                contact_line=config.contact,
            ),
            link=stand_in_link(merchant),
        )
        if isinstance(made, RenderFailed):
            problem = f"{made.field}: {made.detail}" if made.field else made.detail
            yield TextPreviewAnswer(locale=locale, text=None, parts=None, problem=problem)
        else:
            parts = PartsAnswer(encoding=made.encoding, parts=made.parts, units=made.units)
            yield TextPreviewAnswer(locale=locale, text=made.text, parts=parts, problem=None)
