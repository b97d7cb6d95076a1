"""The log between services: one port, its implementations, and the runner that hands batches to handlers."""
