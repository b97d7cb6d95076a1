"""What writing to a database counts, the same on both engines."""

from shared.telemetry.metrics import counter

UNITS = counter("followup_database_units_total", "Units of work committed.")
COMMITS = counter("followup_database_commits_total", "Commits, each one fsync: on SQLite for several units together.")
ROWS_WRITTEN = counter("followup_database_rows_written_total", "Rows inserted, changed or deleted by committed units.")
WRITER_SECONDS = counter(
    "followup_database_writer_seconds_total",
    "Time writers were at work: one on SQLite, eight on PostgreSQL; near their number a second, they are what limits.",
)
