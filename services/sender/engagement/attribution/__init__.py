"""Attribution: which text a purchase is credited to, and how refunds and cancellations reduce that credit.

Events in: trigger.received (purchase, refund, cancellation). Out: conversion.attributed, conversion.adjusted. Owns
sender_touches and sender_conversions.
"""
