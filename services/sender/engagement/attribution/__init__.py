"""Attribution: which text a purchase is credited to, and what refunds and cancellations take back.

Events in: trigger.received (purchase, refund, cancellation). Out: conversion.attributed, conversion.adjusted. Owns
sender_touches and sender_conversions.
"""
