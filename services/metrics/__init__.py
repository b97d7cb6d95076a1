"""Metrics: keeps every fact, turns facts into numbers, and tells each text's story.

Topics in: all five. Topics out: none.
Tables owned: `facts` (append-only), `rollups`, `follow_ups` (where each one stands now), `customer_orders`.
"""
