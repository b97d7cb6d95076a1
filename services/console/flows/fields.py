"""What may stand in the file of a flow, as the editor offers it (pure); a test holds it to the schema of the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FlowField:
    """One thing that may be written: what it does, and the lines to begin with, indented as in the file.

    What begins with `{{` goes in where the cursor stands, the rest as lines of its own below the cursor's.
    """

    name: str
    words: str
    lines: str


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields of one place in the file."""

    title: str
    fields: Sequence[FlowField]


FLOW_FIELDS: Final = (
    FlowField("flow", "The name, as in the name of the file. Required.", "flow: my-flow"),
    FlowField("description", "One sentence for those who read the list of flows.", "description: Say thanks."),
    FlowField("on", "The event that starts it. Required.", "on: purchase"),
    FlowField("when", "Start only if this condition (CEL) holds.", "when: '!trigger.test'"),
    FlowField(
        "enter", "How often one person may start it: once, every so often, or once per value.", "enter: {every: 7d}"
    ),
    FlowField("cancel_on", "Events that cancel what is still planned.", "cancel_on:\n  - {on: purchase}"),
    FlowField("facts", "Facts of your own events that conditions may use, with their type.", "facts:\n  size: string"),
    FlowField(
        "attribution",
        "How long an order counts for its texts, if otherwise than for the shop.",
        "attribution: {click_days: 5, delivered_hours: 24}",
    ),
    FlowField("steps", "The waits and texts, in order. Required.", "steps:\n  - wait: 1h"),
)
STEP_FIELDS: Final = (
    FlowField("wait", "Wait a duration: 30m, 1h, 3d.", "  - wait: 1h"),
    FlowField(
        "wait until",
        "Wait days or hours, then for a time or a weekday on the person's clock.",
        "  - wait: {days: 1, then_at: '10:00', on: [mon, tue, wed, thu, fri]}",
    ),
    FlowField(
        "text",
        "One text: its name, its purpose (marketing, informational or transactional) and its words.",
        "  - text: reminder\n    purpose: marketing\n    body: \"Hi {{ recipient.first_name | default: 'friend' }}\"",
    ),
    FlowField("expire_after", "Of a text: too late after this, so that it is not sent.", "    expire_after: 6h"),
    FlowField("if_past", "Of a text: send or skip it when its time has passed already.", "    if_past: skip"),
    FlowField(
        "resend",
        "Of a text: what to do when nobody knows whether it was sent: at_most_once or resend_when_absent.",
        "    resend: at_most_once",
    ),
    FlowField(
        "body by language", "Of a text: its words in each language.", '    body:\n      en: "Hello"\n      es: "Hola"'
    ),
)
WORD_FIELDS: Final = (
    FlowField("first name", "Of the person.", "{{ recipient.first_name | default: 'friend' }}"),
    FlowField("order", "Its name, of a purchase.", "{{ trigger.order_name | default: 'your order' }}"),
    FlowField(
        "page of the order",
        "Its address, of a purchase; it becomes a short link.",
        "{{ trigger.order_status_url }}",
    ),
)
FIELD_GROUPS: Final = (
    FieldGroup("The flow", FLOW_FIELDS),
    FieldGroup("Its steps", STEP_FIELDS),
    FieldGroup("Words in a text", WORD_FIELDS),
)
