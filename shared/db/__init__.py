"""The database layer: one vocabulary of statements over SQLite and PostgreSQL, and the unit of work."""
