"""The command line: the only place that reads argv."""

from services.cli.app import main

__all__ = ["main"]
