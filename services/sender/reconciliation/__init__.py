"""Reconciliation: calls without an answer become unknown, and the provider is asked what became of them."""
