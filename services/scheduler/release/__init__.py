"""Release: due timers, the queues of busy numbers, and the pace at which follow-ups are handed to the gate."""
