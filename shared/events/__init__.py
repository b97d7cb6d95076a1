"""The contract between services: one frozen model per event type, five topics, one registry."""
