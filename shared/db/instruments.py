"""What the one writer of a SQLite file counts."""

from shared.telemetry.metrics import counter

UNITS = counter("followup_database_units_total", "Units of work committed by the writer.")
COMMITS = counter("followup_database_commits_total", "Commits of the writer, each one fsync for all its units.")
ROWS_WRITTEN = counter("followup_database_rows_written_total", "Rows inserted, changed or deleted by the writer.")
WRITER_SECONDS = counter(
    "followup_database_writer_seconds_total", "Time the writer was at work; near 1 a second, it is what limits."
)
