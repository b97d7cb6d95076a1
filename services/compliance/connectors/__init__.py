"""Connectors: what others know of a number, by ports; here from files that an operator keeps up to date."""
