"""Turns pydantic's errors into sentences with a line and how to fix them."""

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.config.flow import STEP_KEYS
from shared.config.model import COUNTRY, HTTP_ADDRESS, LOCALE, MAIL_ADDRESS, SLUG, SUBDIVISION, TAG, FileModel
from shared.config.problem import Problem, did_you_mean, nearest
from shared.config.strict_yaml import Document

ModelT = TypeVar("ModelT", bound=FileModel)
Location: TypeAlias = tuple[str | int, ...]

_KEY_MARK = "[key]"
_SHOULD = "Input should "
_QUOTED = re.compile(r"'([^']*)'")
_FORMS = {
    SLUG: "lower case letters, digits and hyphens",
    LOCALE: "a language tag such as en or en-US",
    COUNTRY: "two upper case letters, such as US",
    SUBDIVISION: "country and subdivision, such as US-LA",
    MAIL_ADDRESS: "one mail address, such as owner@acme.example",
    HTTP_ADDRESS: "an address that starts with https:// or http://",
}
_NOT_A_TABLE = ("must be a table of names and values", "write 'name: value' lines, indented")
_TYPES = {
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "int_type": ("must be a whole number", "write digits, without quotes"),
    "float_type": ("must be a number", "write digits, without quotes"),
    "string_type": ("must be text", "put the value in quotes"),
    "time_delta_type": ("must be a duration", "write 30s, 5m, 1h, 3d or 2w"),
    "is_instance_of": ("has the wrong form", ""),
    "time_type": ("must be a time of day", 'write it in quotes, such as "10:00"'),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _NOT_A_TABLE),
    "tuple_type": ("must be a list", "write '- item' lines, or [item, item]"),
    "too_short": ("must not be empty", "add an item"),
}


def read_as(model: type[ModelT], document: Document) -> ModelT | list[Problem]:
    """Return the model of a document, or everything that prevents it."""
    try:
        return model.model_validate({} if document.value is None else document.value)
    except ValidationError as refused:
        return problems_of(refused, model, document)


def problems_of(refused: ValidationError, model: type[FileModel], document: Document) -> list[Problem]:
    """Return one problem per mistake, in the order of the file; a misspelt field is not also a missing one."""
    errors = refused.errors(include_url=False)
    misspelt = {_meant(error, model) for error in errors if error["type"] == "extra_forbidden"}
    shown = [
        error
        for error in errors
        if not (error["type"] == "missing" and error["loc"] in misspelt)
        and not (error["type"] == "too_short" and any(_is_inside(other["loc"], error["loc"]) for other in errors))
    ]
    return sorted({_problem(error, model, document) for error in shown})


def _is_inside(inner: Location, outer: Location) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _meant(error: ErrorDetails, model: type[FileModel]) -> Location:
    """Return the path of the field that was probably meant."""
    *around, field = error["loc"]
    return (*around, nearest(str(field), _fields_at(model, tuple(around))) or str(field))


def _problem(error: ErrorDetails, model: type[FileModel], document: Document) -> Problem:
    where = tuple(part for part in error["loc"] if part != _KEY_MARK)
    message, fix = _sentence(error, model, document.name_of(where) or "the file")
    return document.error(where, message, fix)


def _sentence(error: ErrorDetails, model: type[FileModel], name: str) -> tuple[str, str]:
    """Return what is wrong and how to fix it."""
    kind, where = error["type"], error["loc"]
    context: Mapping[str, Any] = error.get("ctx", {})
    match kind:
        case "extra_forbidden":
            field = str(where[-1])
            return f"unknown field '{field}'", did_you_mean(field, _fields_at(model, where[:-1]))
        case "missing":
            return f"field '{where[-1]}' is missing", f"add '{where[-1]}: …'"
        case "string_pattern_mismatch":
            form = _FORMS.get(context["pattern"], f"something that matches {context['pattern']}")
            return f"'{name}' has the wrong form", f"write {form}"
        case "no_disclosure":
            return error["msg"], "add the wording, or write 'consent_level: express'"
        case "literal_secret":
            return error["msg"], "use {env: NAME} or {file: PATH}"
        case _ if kind in _TYPES:
            message, fix = _TYPES[kind]
            return f"'{name}' {message}", fix
        case _:
            return _choice_sentence(error, context, name) or (_in_our_words(error["msg"], name), "")


def _choice_sentence(error: ErrorDetails, context: Mapping[str, Any], name: str) -> tuple[str, str] | None:
    """Return what is wrong with a word that must be one of several."""
    given = error["input"]
    match error["type"]:
        case "unknown_word":
            return error["msg"], did_you_mean(context["word"], context["known"])
        case "union_tag_invalid":
            known = _QUOTED.findall(context["expected_tags"])
            return f"unknown kind '{context['tag']}'", did_you_mean(context["tag"], known)
        case "union_tag_not_found":
            return f"'{name}' has no kind", "add 'kind: …'"
        case "enum" | "literal_error":
            word = given if isinstance(given, str) else "this value"
            return f"'{name}' cannot be '{word}'", did_you_mean(word, _QUOTED.findall(context["expected"]))
        case "step_kind":
            keys = [str(key) for key in given] if isinstance(given, dict) else []
            near = next((f"'{key}': {did_you_mean(key, STEP_KEYS)}" for key in keys if nearest(key, STEP_KEYS)), "")
            return error["msg"], near or "write '- wait: 1h' or '- text: name'"
    return None


def _in_our_words(said: str, name: str) -> str:
    if said.startswith(_SHOULD):
        return f"'{name}' must {said.removeprefix(_SHOULD)}"
    said = said.removeprefix("Value error, ")
    return f"'{name}': {said[:1].lower()}{said[1:]}"


def _fields_at(model: type[FileModel], where: Location) -> set[str]:
    """Return the names of the fields allowed at a path."""
    here: list[Any] = [model]
    for part in where:
        here = _inside(here, part)
    return {written for kind in here if _is_model(kind) for written in _written(kind)}


def _written(kind: type[FileModel]) -> dict[str, str]:
    """Return the names of the fields by how they are written in the file."""
    return {field.alias or name: name for name, field in kind.model_fields.items()}


def _inside(kinds: list[Any], part: str | int) -> list[Any]:
    """Return the types one step further in; a union is narrowed by its tag instead."""
    if len(kinds) > 1 and (narrowed := [kind for kind in kinds if _is_model(kind) and _is_tag_of(kind, part)]):
        return narrowed
    found: list[Any] = []
    for kind in kinds:
        if _is_model(kind) and part in _written(kind):
            found += _members(kind.model_fields[_written(kind)[str(part)]].annotation)
        elif get_origin(kind) is tuple and isinstance(part, int):
            found += _members(get_args(kind)[0])
        elif get_origin(kind) is dict:
            found += _members(get_args(kind)[1])
    return found or kinds


def _is_tag_of(kind: type[FileModel], part: str | int) -> bool:
    return _tag(kind) == part or (str(part).startswith(TAG) and str(part).removeprefix(TAG) in kind.model_fields)


def _tag(kind: type[FileModel]) -> str | None:
    """Return the word that distinguishes a provider from the others."""
    field = kind.model_fields.get("kind")
    words = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    return str(words[0]) if words else None


def _members(annotation: Any) -> list[Any]:
    """Return the types an annotation stands for: unions taken apart, annotations removed."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for choice in get_args(annotation) for member in _members(choice)]
    return [annotation]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, FileModel)
