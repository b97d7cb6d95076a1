"""What a check of the ledger found, as a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel


class ShownDay(BaseModel):
    """A checked day, as compliance answers it."""

    day: date
    state: str
    entries: int
    problems: list[str]
    signed_by: str | None


class ShownDays(BaseModel):
    """Days that one request checked, and where to go on."""

    days: list[ShownDay]
    next_to: date | None


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """Checked days, the newest first."""

    days: Sequence[ShownDay]
    span: int
    """How many days were looked at."""
    is_complete: bool = True
    """False when more entries stand there than one press checks."""

    @property
    def broken(self) -> Sequence[ShownDay]:
        """Days in which something is wrong."""
        return [each for each in self.days if each.state == "broken"]

    @property
    def unchecked(self) -> Sequence[ShownDay]:
        """Days with too many entries for a page."""
        return [each for each in self.days if each.state == "too_large"]

    @property
    def keys(self) -> Sequence[str]:
        """The public keys that signed."""
        return sorted({each.signed_by for each in self.days if each.signed_by})

    @property
    def words(self) -> str:
        """The answer to the one who pressed the button."""
        checked = sum(each.entries for each in self.days if each.state != "too_large")
        if self.broken:
            return f"{len(self.broken)} of the last {self.span} days are not in order."
        if not self.days:
            return f"Nothing was recorded in the last {self.span} days."
        waiting = sum(each.state == "not_signed_yet" for each in self.days)
        which = "that were checked" if self.unchecked or not self.is_complete else f"of the last {self.span} days"
        said = (
            f"All {checked:,} entries {which} are in order." if checked != 1 else f"The one entry {which} is in order."
        )
        return f"{said} Signed days: {len(self.days) - waiting} of {len(self.days)}; a day is signed once it is over."
