"""Runs: which event or request starts one, what it holds, and what ends it."""
