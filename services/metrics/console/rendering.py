"""Renders the parts of the console's pages that metrics draws."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.metrics.console import presentation
from services.metrics.console.row_presentation import value_shown
from services.metrics.domain.journey_steps import moment
from services.metrics.domain.reasons import detail_words, meaning_of


class PartRenderer:
    """Renders parts of pages; what a stranger wrote is shown as text."""

    def __init__(self) -> None:
        """Read the templates."""
        self._templates = Environment(
            loader=PackageLoader("services.metrics.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            person=presentation.person_mark,
            hue=presentation.hue,
            masked_number=presentation.masked_number,
            tone=lambda state: presentation.STATES[state][0],
            duration=presentation.duration_text,
            counted=lambda row, measure: value_shown(measure, row.value, row.fact.get("currency")),
            moment=moment,
            meaning=lambda code: meaning_of(code).words,
            detail=detail_words,
            words=lambda name: name.replace("_", " "),
            sentence=lambda words: words[:1].upper() + words[1:],
        )

    def part(self, name: str, title: str, values: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
        """Return a part of a page: its title, and its HTML."""
        html = self._templates.get_template(f"{name}.html").render(**values)
        return JSONResponse({"title": title, "html": html}, status_code=status)
