"""The roles of the console's users, and the scopes of the API that each of them has (pure)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.config.vocabulary import SCOPES


class Role(StrEnum):
    """What a user of the console does there."""

    OWNER = "owner"
    """All of it."""
    MARKETER = "marketer"
    """Flows and what they bring."""
    SUPPORT = "support"
    """Single people and their texts."""
    OPERATOR = "operator"
    """Keeps it running."""
    VIEWER = "viewer"
    """Looks on."""


CONSOLE_SCOPES: Final = frozenset(SCOPES) - {"events:write"}
"""What the console may ask for at all, whoever is signed in: events come from a shop's own systems."""
_LOOKS: Final = frozenset({"metrics:read", "controls:read"})
SCOPES_OF: Final[Mapping[Role, frozenset[str]]] = {
    Role.OWNER: CONSOLE_SCOPES,
    Role.MARKETER: _LOOKS
    | {"controls:write", "flows:read", "flows:write", "follow-ups:read", "gate:read", "decisions:read"},
    Role.SUPPORT: _LOOKS
    | {"flows:read", "follow-ups:read", "follow-ups:write", "replies:read", "replies:write"}
    | {"consents:read", "consents:write", "decisions:read", "dispatches:read", "messages:read", "notifications:read"},
    Role.OPERATOR: _LOOKS
    | {"controls:write", "flows:read", "follow-ups:read", "holds:read", "holds:write", "gate:read", "decisions:read"}
    | {"dispatches:read", "operations:read", "operations:write", "notifications:read", "notifications:write"},
    Role.VIEWER: _LOOKS | {"flows:read"},
}
"""The one table of what a role may do."""
