"""The scheduler's decisions: pure, told the time, the ids and the facts."""
