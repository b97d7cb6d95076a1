"""Receipts: what providers report of texts they took, and the questions asked where no report came."""
