"""The consent ledger: immutable chained entries, what they add up to, and the signed root of each day."""
