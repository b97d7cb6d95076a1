"""A clock that follows the machine's own and jumps when it is told to, with every timeout moving along."""

from datetime import datetime

from shared.clock import SystemClock


class VirtualClock(SystemClock):
    """A clock of which time can be let pass at once, for a process in which nothing runs meanwhile."""

    _passed_seconds = 0.0

    def monotonic(self) -> float:
        """Return seconds that never go back; they jump only by `pass_until`."""
        return super().monotonic() + self._passed_seconds

    def pass_until(self, at: datetime) -> None:
        """Let time pass until an instant: pauses end and rates recover, as if it had been waited for. Never back."""
        seconds = (at - self.now()).total_seconds()
        if seconds > 0:
            self._passed_seconds += seconds
            self.move(at - self.machine_now())
