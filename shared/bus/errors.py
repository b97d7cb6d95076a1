"""What can go wrong with the log, whichever implementation keeps it."""

from shared.errors import Fault


class LogUnavailable(Fault):
    """The log cannot be reached or did not answer in time; nothing is lost, the same events are read again."""

    code = "log_unavailable"
    retryable = True


class OutboxFull(Fault):
    """The log has been away for so long that the outbox holds as many events as it may; new ones are refused."""

    code = "outbox_full"
    retryable = True


class LogShortened(Fault):
    """The log ends before this service's position: a topic was recreated, or lost records.

    Retryable: the watch for losses moves the position back, and the last minutes are read again.
    """

    code = "log_shortened"
    retryable = True


class ConsumerStalled(Fault):
    """Partitions are assigned and events wait in them, but none has arrived for a while; the process should restart."""

    code = "consumer_stalled"


class ConsumerHalted(Fault):
    """Events of many merchants fail; the consumer stopped instead of parking everything."""

    code = "consumer_halted"
