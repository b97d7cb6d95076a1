"""Text templates: the only package that imports the Liquid library."""

from shared.templates.engine import (
    LONGEST_TEXT_CHARACTERS,
    ZONE,
    TemplateError,
    Variable,
    check,
    makes_links,
    own_words,
    render,
    variables,
)
from shared.templates.limits import FILLED_IN

__all__ = [
    "FILLED_IN",
    "LONGEST_TEXT_CHARACTERS",
    "ZONE",
    "TemplateError",
    "Variable",
    "check",
    "makes_links",
    "own_words",
    "render",
    "variables",
]
