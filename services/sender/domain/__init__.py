"""What the sender decides, as pure functions: no clock, no database, no network."""
