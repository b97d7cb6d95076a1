"""Imports: consents collected elsewhere enter the ledger in batches, each row with its evidence or with a refusal."""
