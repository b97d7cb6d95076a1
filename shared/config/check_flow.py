"""What a flow file can get wrong beyond its schema: conditions, names and templates, against the vocabulary."""

from collections.abc import Iterator

from shared import conditions
from shared.config.flow import Flow, OncePer, TextStep
from shared.config.merchant import MerchantConfig
from shared.config.problem import Problem, did_you_mean
from shared.config.reader import ReadFlow
from shared.config.strict_yaml import Path
from shared.config.vocabulary import fields_of
from shared.errors import ConditionFault
from shared.events.follow_up import Purpose
from shared.templates import engine
from shared.templates.engine import TemplateError, Variable

_TEMPLATE_ROOTS = ("trigger", "recipient", "history", "now")


def flow_problems(read: ReadFlow, config: MerchantConfig | None) -> list[Problem]:
    """Return everything wrong with a flow that its schema cannot find, in the order of the file."""
    check = _FlowCheck(read, config)
    return sorted({*check.conditions(), *check.texts(), *check.name()})


class _FlowCheck:
    """One flow under examination."""

    def __init__(self, read: ReadFlow, config: MerchantConfig | None) -> None:
        self._flow: Flow = read.flow
        self._document = read.document
        self._config = config

    def name(self) -> Iterator[Problem]:
        stem = self._document.file.rsplit("/", 1)[-1].removesuffix(".yaml")
        if stem != self._flow.flow:
            yield self._document.warning(
                ("flow",), f"the flow is named '{self._flow.flow}' but its file '{stem}'", "give both the same name"
            )

    def conditions(self) -> Iterator[Problem]:
        if self._flow.when is not None:
            yield from self._expression(self._flow.when, ("when",), self._flow.on)
        if isinstance(self._flow.enter, OncePer):
            yield from self._expression(self._flow.enter.once_per, ("enter", "once_per"), self._flow.on, text=True)
        for at, rule in enumerate(self._flow.cancel_on):
            if rule.when is not None:
                yield from self._expression(rule.when, ("cancel_on", at, "when"), rule.on)

    def texts(self) -> Iterator[Problem]:
        for at, step in enumerate(self._flow.steps):
            if isinstance(step, TextStep):
                yield from self._text(step, ("steps", at))

    def _expression(self, source: str, path: Path, event_kind: str, *, text: bool = False) -> Iterator[Problem]:
        try:
            if text:
                conditions.compile_text(source)
            else:
                conditions.compile_condition(source)
        except ConditionFault as fault:
            yield self._document.error(path, f"'{path[-1]}', column {fault.column}: {fault.detail}")
            return
        for name in conditions.names(source):
            yield from self._field(name.root, name.field, path, event_kind)

    def _text(self, step: TextStep, path: Path) -> Iterator[Problem]:
        if step.purpose == Purpose.MARKETING and step.expire_after is None:
            yield self._document.warning(
                (*path, "text"),
                f"the marketing text '{step.text}' never expires",
                "add 'expire_after: 3d', so that it is not sent too late",
            )
        if isinstance(step.body, str):
            yield from self._template(step.body, (*path, "body"))
            return
        for locale, template in step.body.items():
            yield from self._template(template, (*path, "body", locale))
        own = self._config.locale if self._config else None
        if own and own.split("-")[0].casefold() not in {locale.split("-")[0].casefold() for locale in step.body}:
            yield self._document.warning(
                (*path, "body"),
                f"the text '{step.text}' has no body in the merchant's locale '{own}'",
                f"add '{own.split('-')[0]}: …'; recipients of an unknown language get '{next(iter(step.body))}'",
            )

    def _template(self, template: str, path: Path) -> Iterator[Problem]:
        found = engine.variables(template)
        if isinstance(found, TemplateError):
            yield self._document.error(path, f"template, column {found.column}: {found.reason}")
            return
        for variable in found:
            yield from self._variable(variable, path)
        if self._config and self._config.links is None and engine.makes_links(template):
            yield self._document.warning(
                path,
                "'link' has no domain for short links",
                "add 'links: {base_url: …}' to merchant.yaml; until then the full address is sent",
            )

    def _variable(self, variable: Variable, path: Path) -> Iterator[Problem]:
        if variable.root not in _TEMPLATE_ROOTS:
            yield self._document.error(
                path, f"unknown name '{variable.name}'", did_you_mean(variable.root, _TEMPLATE_ROOTS)
            )
        elif variable.root != "now" and variable.field is not None:
            yield from self._field(variable.root, variable.field, path, self._flow.on)

    def _field(self, root: str, field: str, path: Path, event_kind: str) -> Iterator[Problem]:
        kind = event_kind if root == "event" else self._flow.on
        known = fields_of(root, kind, self._flow.facts)
        if field in known:
            return
        fix = did_you_mean(field, known)
        if root in {"trigger", "event"} and not fix.startswith("did you mean"):
            fix = f"declare it under 'facts:', as in 'facts: {{{field}: string}}'"
        whose = f"no {kind} has it" if root in {"trigger", "event"} else f"{root} does not have it"
        yield self._document.error(path, f"unknown field '{root}.{field}': {whose}", fix)
