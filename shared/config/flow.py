"""A flow file: what starts it, what it waits for, which texts it plans, and what ends it early.

The grammar only grows: a step's kind is the one key that names what it does, so a new kind of step is one
more model here and changes no flow that exists.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, NewType, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from shared.config.model import TAG, Duration, FileModel, Locale, Slug, Whole, Word, unknown_word
from shared.config.problem import nearest
from shared.config.wait import Wait
from shared.events.follow_up import Purpose, ResendPolicy
from shared.events.trigger import TriggerKind
from shared.vocabulary.built_in_flows import BUILT_IN_FLOWS

FlowVersion = NewType("FlowVersion", str)
"""SHA-256, in hex, of a flow's content; comments and layout do not change it."""

KINDS = tuple(TriggerKind)
_CUSTOM = "custom."


def _trigger_kind(kind: str) -> str:
    if kind in KINDS or (kind.startswith(_CUSTOM) and kind != _CUSTOM):
        return kind
    raise unknown_word("trigger kind", kind, (*KINDS, "custom.<name>"))


Kind = Annotated[Word, AfterValidator(_trigger_kind)]
"""A `TriggerKind`, or ``custom.<name>``."""
Expression = Annotated[str, Field(min_length=1, max_length=4000)]
"""CEL."""
Template = Annotated[str, Field(min_length=1, max_length=5000)]
"""Liquid."""
FactName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,63}$")]
FactType: TypeAlias = Literal["string", "int", "double", "bool", "list", "map"]


class OncePer(FileModel):
    """One run for each value of an expression, such as the order."""

    once_per: Expression


class Every(FileModel):
    """Another run when this long has passed since the last one began."""

    every: Duration


def _entry(value: object) -> str:
    """Return which rule is meant; a misspelt key counts as the nearest one."""
    keys = value if isinstance(value, dict) else ()
    if isinstance(value, Every) or any(nearest(str(key), ("every", "once_per")) == "every" for key in keys):
        return TAG + "every"
    return TAG + ("once_per" if isinstance(value, OncePer | dict) else "once")


Enter: TypeAlias = Annotated[
    Annotated[Literal["once"], Tag(TAG + "once")]
    | Annotated[OncePer, Tag(TAG + "once_per")]
    | Annotated[Every, Tag(TAG + "every")],
    Discriminator(_entry),
]


class CancelRule(FileModel):
    """An event that ends the rest of the run."""

    on: Kind
    when: Expression | None = None
    """May read `event` (what happened now) and `trigger` (what began the run); no condition means always."""


class AttributionOverride(FileModel):
    """Attribution windows of this flow; those left out are the merchant's."""

    click_days: Annotated[Whole, Field(ge=0, le=90)] | None = None
    delivered_hours: Annotated[Whole, Field(ge=0, le=24 * 30)] | None = None


class WaitStep(FileModel):
    """Wait; `shared.config.wait.due_after` says until when."""

    wait: Wait


class TextStep(FileModel):
    """Plan one text."""

    text: Slug
    """The step's name, unique in a flow; part of the follow-up's identity."""
    purpose: Literal[Purpose.MARKETING, Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL]
    expire_after: Duration | None = None
    """Counted from the moment the text was first due."""
    if_past: Literal["send", "skip"] = "send"
    """What to do when the due time has already passed at planning."""
    resend: ResendPolicy | None = None
    """After proven absence; if absent, marketing goes at most once and other texts once more."""
    body: Annotated[
        Annotated[Template, Tag(TAG + "one")] | Annotated[dict[Locale, Template], Tag(TAG + "by_locale")],
        Discriminator(lambda value: TAG + ("by_locale" if isinstance(value, dict) else "one")),
    ]
    """One template per locale; a single text is in the merchant's locale."""

    @field_validator("body")
    @classmethod
    def _some_body(cls, body: str | dict[str, str]) -> str | dict[str, str]:
        if not body:
            raise ValueError("a text needs a body in at least one locale")
        return body

    def resend_policy(self) -> ResendPolicy:
        """Return what may follow a proven absence (send-protocol section 1, step 8)."""
        if self.resend is not None:
            return self.resend
        return ResendPolicy.AT_MOST_ONCE if self.purpose == Purpose.MARKETING else ResendPolicy.RESEND_WHEN_ABSENT

    def bodies(self, merchant_locale: str) -> dict[str, str]:
        """Return every template by its locale."""
        return {merchant_locale: self.body} if isinstance(self.body, str) else dict(self.body)

    def body_for(self, locale: str | None, merchant_locale: str) -> tuple[str, str]:
        """Return the locale and template for a recipient.

        The recipient's locale comes first, then their language, then the merchant's locale and language, then
        the first one written. Letter case does not matter.
        """
        bodies = self.bodies(merchant_locale)
        by_name = {name.casefold(): name for name in reversed(bodies)}
        by_language = {name.casefold().split("-")[0]: name for name in reversed(bodies)}
        for wanted in (locale, merchant_locale):
            if wanted:
                whole = wanted.replace("_", "-").casefold()
                found = by_name.get(whole) or by_name.get(whole.split("-")[0]) or by_language.get(whole.split("-")[0])
                if found:
                    return found, bodies[found]
        first = next(iter(bodies))
        return first, bodies[first]


STEP_KEYS = {"wait": WaitStep, "text": TextStep}
"""The key that names what a step does, and the step it makes."""


def _step_kind(step: Any) -> str | None:
    if isinstance(step, dict):
        return next((TAG + key for key in STEP_KEYS if key in step), None)
    return next((TAG + key for key, kind in STEP_KEYS.items() if isinstance(step, kind)), None)


Step: TypeAlias = Annotated[
    Annotated[WaitStep, Tag(TAG + "wait")] | Annotated[TextStep, Tag(TAG + "text")],
    Discriminator(
        _step_kind,
        custom_error_type="step_kind",
        custom_error_message="a step needs one of these keys: wait, text",
    ),
]


class Flow(FileModel):
    """One flow file."""

    flow: Slug
    description: str = ""
    on: Kind
    when: Expression | None = None
    """May read `trigger`, `recipient`, `history` and `now`; no condition means always."""
    enter: Enter = "once"
    """How often one recipient may run through: once ever, once per value, or again after a while."""
    cancel_on: tuple[CancelRule, ...] = ()
    facts: dict[FactName, FactType] = Field(default_factory=dict)
    """The merchant's own facts that triggers of this flow carry, beyond those of their kind."""
    attribution: AttributionOverride | None = None
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100)]

    @field_validator("flow")
    @classmethod
    def _not_built_in(cls, name: str) -> str:
        if name in BUILT_IN_FLOWS:
            raise ValueError(f"'{name}' is the name of a built-in flow")
        return name

    @model_validator(mode="after")
    def _steps_make_sense(self) -> "Flow":
        names = [step.text for step in self.texts()]
        if not names:
            raise ValueError("a flow plans at least one text")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two texts are named '{twice[0]}'")
        return self

    def texts(self) -> list[TextStep]:
        """Return the text steps in order."""
        return [step for step in self.steps if isinstance(step, TextStep)]

    def canonical(self) -> str:
        """Return the flow as JSON that is the same for the same meaning, today and in later versions.

        Fields left at their default are left out, so a new field does not change the version of an old flow.
        """
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def version(self) -> FlowVersion:
        """Return the hash of the canonical content."""
        return FlowVersion(hashlib.sha256(self.canonical().encode()).hexdigest())

    @classmethod
    def from_canonical(cls, content: str) -> "Flow":
        """Return the flow that `canonical` wrote; a run stays on the version it began with."""
        return cls.model_validate_json(content)
