"""The queue: dispatches and attempts as values, their states, and how each change is recorded and announced."""
