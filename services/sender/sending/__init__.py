"""Sending: claim a dispatch, decide, commit its intent, call the provider once, classify the answer, record it."""
