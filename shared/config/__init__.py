"""Merchant and flow files: read strictly, explained line by line, reloaded on change."""
