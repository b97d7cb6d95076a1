"""Compliance: whether a text may go now to a person, and what that person permitted.

Topics in: consents, follow-ups, dispatches, engagement (replies).
Topics out: `follow-up.cleared`, `follow-up.deferred`, `follow-up.blocked`, `consent.changed`, `recipient.erased`,
`privacy.erased`, `privacy.exported`.
Tables owned: `consent_ledger`, `daily_roots`, `standings`, `decisions`, `send_slots` (cap reservations), `erasures`,
`closed_merchants`, `privacy_requests`, `certificates`, `export_parts`, `preferences`, `revoked_links`.
"""
