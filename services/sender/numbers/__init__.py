"""Sender numbers: their health, their pace, and what waits while they are busy."""
