"""Receipts: what providers report about the texts they accepted, and queries where no receipt came."""
