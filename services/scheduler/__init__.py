"""Scheduler: which follow-ups each recipient gets, and when; the authority on whether one is still wanted.

Topics in: triggers, consents, follow-ups (the gate's answers), dispatches, engagement (replies).
Topics out: `follow-up.planned`, `follow-up.due`, `follow-up.moved`, `follow-up.cancelled`, `follow-up.expired`.
Tables owned: `enrollments`, `entries`, `follow_ups`, `state_changes`, `timers`, `lines` and `in_flight` (pacing),
`flow_versions`, `recipients`, `triggers_seen`, `closed_merchants`.
"""
