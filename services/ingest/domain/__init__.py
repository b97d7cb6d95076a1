"""What deliveries say and what the house is told of them: types and pure functions."""
