"""Connectors: notifies merchants of replies and of what needs somebody; the only service that calls other systems.

Topics in: consents, dispatches, engagement. Topics out: none of its own (certificates and copies for privacy rights).
Tables: `deliveries` (one notification for one endpoint), `endpoints` (when each may be called next), `mail_hours`,
`erased_people`, and the audit log.
"""
