"""The checks of `followup doctor`, one module for each subject."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was checked, and the result."""

    subject: str
    is_fine: bool
    said: str
    """One sentence; if something is wrong, it says what to do."""

    @classmethod
    def fine(cls, subject: str, said: str) -> "CheckResult":
        """Return a result without a problem."""
        return cls(subject, is_fine=True, said=said)

    @classmethod
    def wrong(cls, subject: str, said: str) -> "CheckResult":
        """Return a problem that an operator must fix."""
        return cls(subject, is_fine=False, said=said)
