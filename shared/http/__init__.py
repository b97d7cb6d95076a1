"""The HTTP side that all services share: app factory, problem documents, API keys, idempotency."""
