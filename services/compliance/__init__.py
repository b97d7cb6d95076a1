"""Compliance: may this text go, now, to this person; and what did the person permit.

Topics in: consents, follow-ups, dispatches, engagement (replies).
Topics out: `follow-up.cleared`, `follow-up.deferred`, `follow-up.blocked`, `consent.changed`.
Tables owned: `consent_ledger`, `standings`, `decisions`, `send_slots` (cap reservations), `erasures`,
`closed_merchants`.
"""
