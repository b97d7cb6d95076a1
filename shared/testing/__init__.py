"""Public test doubles: a clock that moves when told, factories, and a house in a temporary folder."""
