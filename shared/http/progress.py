"""A follow-up's progress in the API; the scheduler, the sender and metrics answer in the same shape."""

from datetime import datetime

from pydantic import BaseModel

from shared.progress import Doing


class ProgressAnswer(BaseModel):
    """What a follow-up is doing now, and what it waits for."""

    doing: Doing
    """`planned`, `waiting`, `under_way` (with the gate or the sender), `unanswered`, `sent` or `ended`."""
    waits_for: str | None
    """A reason code (`quiet_hours`, `source_lag`, `blackout`, …), or `hour`, `turn`, `number_busy`,
    `earlier_text`, `gate_or_sender`, `answer`, `receipt`."""
    until: datetime | None
    """When the next step is due; an instant in the past: it has begun."""
    detail: str | None
    """What the provider or the network answered: `http_503`, `timeout`, a provider's code; or a blackout's `why`."""
