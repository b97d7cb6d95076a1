"""What can go wrong with the log."""

from shared.errors import Fault


class LogUnavailable(Fault):
    """The log cannot be reached or did not answer in time; nothing is lost, it comes again."""

    code = "log_unavailable"
    retryable = True


class OutboxFull(Fault):
    """The log has been away for so long that the outbox holds as much as it may; what comes now is not taken."""

    code = "outbox_full"
    retryable = True


class LogShortened(Fault):
    """The log ends before the place this service has read to: a topic was made anew, or lost what it had.

    It waits: whoever watches the log for losses moves the place back, and the last minutes are read again.
    """

    code = "log_shortened"
    retryable = True


class ConsumerStalled(Fault):
    """Partitions are assigned and events wait in them, but none has come for a while; the process should restart."""

    code = "consumer_stalled"
