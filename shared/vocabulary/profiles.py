"""How a merchant treats laws that exempt people who have consented."""

from enum import StrEnum


class Profile(StrEnum):
    """How consent bears on solicitation-hour laws (compliance section 1)."""

    STRICT = "strict"
    """The hours apply to everybody, whatever they have consented to."""
    CONSENT_AWARE = "consent_aware"
    """A law that exempts people who have consented does not restrict follow-ups to them."""
