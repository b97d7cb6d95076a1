"""Ingest: takes what happens at the shops, keeps it, and says it in the house's words.

Doors: HTTP (signed webhooks, `POST /v1/events`). Topics in: consents (rights and closings). Out: trigger.received,
consent.reported, privacy.requested, merchant.closed, privacy.erased, privacy.exported. Tables: deliveries,
delivery_keys, published, subjects, former_people, quarantine, idempotency_keys.
"""
