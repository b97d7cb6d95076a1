"""Public test doubles: a clock that tests move, factories, and an application in a temporary folder."""
