"""The command line; no other package reads argv."""

from services.cli.app import main

__all__ = ["main"]
