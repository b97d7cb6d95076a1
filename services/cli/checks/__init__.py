"""What `followup doctor` looks at, one module a subject."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was looked at, and what was found."""

    subject: str
    is_fine: bool
    said: str
    """One sentence; where something is wrong, with what to do about it."""

    @classmethod
    def fine(cls, subject: str, said: str) -> "CheckResult":
        """Return that a thing is as it should be."""
        return cls(subject, is_fine=True, said=said)

    @classmethod
    def wrong(cls, subject: str, said: str) -> "CheckResult":
        """Return that somebody must see to a thing."""
        return cls(subject, is_fine=False, said=said)
