"""What deliveries contain and which events they become: types and pure functions."""
