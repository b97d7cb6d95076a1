"""The sender: sends each cleared follow-up through a provider once, and accepts receipts, replies and clicks.

Topics in: follow-ups, triggers (for attribution), consents. Out: dispatch.*, follow-up.lapsed, reply.*,
click.recorded, conversion.*, consent.reported. Owns sender_dispatches, sender_attempts, sender_in_flight,
sender_recipients, sender_receipts, sender_replies, sender_conversations, sender_unassigned_replies, sender_heard_until,
sender_number_health, sender_closed_merchants, and the tables of links and attribution.
"""
