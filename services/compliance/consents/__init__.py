"""Consents: single claims over HTTP, and imports in batches."""
