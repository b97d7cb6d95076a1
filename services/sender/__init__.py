"""The sender: hands each cleared follow-up to a provider once, and takes in receipts, replies and clicks.

Topics in: follow-ups, triggers, consents. Out: dispatch.*, follow-up.lapsed, reply.received, click.recorded,
conversion.*, consent.reported.
"""
