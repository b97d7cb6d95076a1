"""Release: due timers, the order before busy numbers, and the pace at which texts go to the gate."""
