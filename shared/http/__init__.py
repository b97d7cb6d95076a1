"""The HTTP door all services share: app factory, problem documents, API keys, idempotency."""
