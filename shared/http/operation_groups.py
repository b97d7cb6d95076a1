"""The groups of operations, in the order in which `/docs` and the OpenAPI document show them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "follow-ups": "Enqueue a text or a run of a flow, see what became of it, cancel it.",
        "events": "What happened at the shop: reported by your own systems, or by the signed webhooks of a platform.",
        "flows": "The flows in force, their versions, figures and open runs, and the files they are written in.",
        "messages": "Every text, the newest first, and the story of one: each verdict, attempt and receipt.",
        "results": "Figures with their formula, and the rows behind each.",
        "consent": "Permission given and withdrawn, with its evidence; what the ledger holds about a person.",
        "gate": "Ask the gate what it would say, read what it said, and see the limits on new people and spending.",
        "people": "From a number to a recipient id, and back for those who may see it.",
        "inbox": "What people wrote: conversations, replies that need a decision, replies of nobody.",
        "controls": "Pause texts, stop them, let them go on; where that takes two people, say yes or no.",
        "rights": "Forget a person, or hand out what is held about them.",
        "notifications": "Events that are sent to endpoints of yours, and what became of each.",
        "deliverability": "Numbers, provider accounts, and texts of which nobody knows whether they were sent.",
        "sources": "Whether the platforms still send, and deliveries that could not be read.",
        "parked events": "Events that a service could not handle: handle them again, or discard them.",
        "audit": "Who did what, chained and signed day by day.",
        "console": "Users of the console, for the operator.",
        "callbacks": "Called by text providers and by people who open a short link; not for a key.",
        "health": "For the process manager and Prometheus.",
    }
)
"""What each group is for, in one sentence."""
