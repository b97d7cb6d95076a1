"""The form by which somebody enters a consent that the shop witnessed. Pure."""

from dataclasses import asdict, dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.console.local_times import instant_of

SCOPES: Final = (("marketing", "marketing"), ("informational", "about orders"), ("all", "all texts"))
LEVELS: Final = (
    ("pewc", "signed the wording below"),
    ("express", "said so"),
)
METHODS: Final = (
    ("in_person", "in the shop"),
    ("voice", "by telephone"),
    ("paper", "on paper"),
    ("mail", "by mail"),
    ("web_form", "in a form on a page"),
)
FIELD_WORDS: Final = {"captured_at": "When they agreed", "source": "Where", "note": "What else proves it"}


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """What the form holds, as it was typed."""

    scope: str = "marketing"
    level: str = "pewc"
    at: str = ""
    method: str = "in_person"
    source: str = ""
    disclosure: str = ""
    note: str = ""

    def body(self, zone: ZoneInfo) -> dict[str, Any]:
        """Return what to ask of compliance.

        Raises:
            ValueError: something is missing; the message says what to write.
        """
        if not self.at.strip():
            raise ValueError("Say when they agreed.")
        if not self.source.strip():
            raise ValueError("Say where they agreed: the shop, the page, the telephone number.")
        wording, note = self.disclosure.strip(), self.note.strip()
        if self.level == "pewc" and not wording:
            raise ValueError("Write the wording that they signed. If there was none, choose “said so”.")
        if not wording and not note:
            raise ValueError("Write what proves it: the wording, or who heard them say so.")
        given = {**asdict(self), "captured_at": instant_of(self.at.strip(), zone)}
        del given["at"]
        return {**given, "source": self.source.strip(), "disclosure": wording or None, "note": note or None}
