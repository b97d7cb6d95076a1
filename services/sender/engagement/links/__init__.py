"""Links: short addresses on the merchant's own domain, and visits to them by people and by software that looks ahead.

Serves `GET /r/{code}`. Out: click.recorded. Owns sender_short_links and sender_clicks.
"""
