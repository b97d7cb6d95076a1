"""The services, by the names that topics, settings, tables and commands use."""

from typing import Final

EVENT_SERVICES: Final = ("ingest", "scheduler", "compliance", "sender", "metrics", "connectors")
"""Those that read and write events, and hold what concerns recipients."""
SERVICES: Final = (*EVENT_SERVICES, "console")
"""All of them; the console reads no events and holds nothing about recipients."""
