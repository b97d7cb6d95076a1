"""The gate: pure decisions about consent, hours, caps and numbers; nothing here reads a clock or a database."""
