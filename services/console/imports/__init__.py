"""Imports of consents in the browser: an uploaded file is kept sealed, tried, and then imported in batches."""
