"""Connectors: registers of numbers, in files that an operator keeps up to date."""
