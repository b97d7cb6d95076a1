"""The metadata every table of scheduler belongs to, with its ground tables."""

from shared.db.system_tables import metadata_of

metadata, system_tables = metadata_of("scheduler")
