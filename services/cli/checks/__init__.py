"""The checks of `followup doctor`, one module for each subject."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was checked, and the result."""

    subject: str
    is_fine: bool
    message: str
    """One sentence; if something is wrong, it says what to do."""

    @classmethod
    def fine(cls, subject: str, message: str) -> "CheckResult":
        """Return a result without a problem."""
        return cls(subject, is_fine=True, message=message)

    @classmethod
    def wrong(cls, subject: str, message: str) -> "CheckResult":
        """Return a problem that an operator must fix."""
        return cls(subject, is_fine=False, message=message)
