"""The gate: one verdict service around one pure decision, and the record of every verdict."""
