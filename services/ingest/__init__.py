"""Ingest: receives what happens at the shops, stores it, and publishes it as events.

HTTP: signed webhooks, `POST /v1/events`. Topics in: consents (privacy rights and closings). Out: trigger.received,
consent.reported, privacy.requested, merchant.closed, privacy.erased, privacy.exported. Tables: deliveries,
delivery_keys, published, subjects, former_people, quarantine, idempotency_keys.
"""
