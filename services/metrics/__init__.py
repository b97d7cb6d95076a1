"""Metrics: stores every event as a fact, computes figures from facts, and shows each follow-up's story.

Topics in: all five. Topics out: none. Tables: `facts` (append-only), `rollups`, `follow_ups` (the current projection of
each), `customer_orders`.
"""
