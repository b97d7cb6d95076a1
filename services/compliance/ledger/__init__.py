"""The consent ledger: immutable chained entries, the standing they add up to, and the signed root of each day."""
