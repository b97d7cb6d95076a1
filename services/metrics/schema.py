"""The metadata every table of metrics belongs to, with its ground tables."""

from shared.db.ground import metadata_of

metadata, ground = metadata_of("metrics")
