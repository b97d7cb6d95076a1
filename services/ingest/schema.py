"""The metadata every table of ingest belongs to, with its ground tables."""

from shared.db.system_tables import metadata_of

metadata, system_tables = metadata_of("ingest")
