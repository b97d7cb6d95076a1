"""The services, by the names that topics, settings, tables and commands use."""

from typing import Final

SERVICES: Final = ("ingest", "scheduler", "compliance", "sender", "metrics")
