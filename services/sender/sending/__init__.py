"""Sending: claim, decide and commit an intent, call the provider once, classify its answer, record the outcome."""
