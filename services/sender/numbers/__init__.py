"""Sender numbers: their health, their rate, and what waits while they are busy."""
