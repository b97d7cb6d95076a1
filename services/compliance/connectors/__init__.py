"""Connectors: ports to registers of numbers, implemented over files that an operator keeps up to date."""
