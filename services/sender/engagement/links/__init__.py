"""Links: short addresses on the merchant's own domain, and who visits them: people, or software that looks ahead.

Door: `GET /r/{code}`. Out: click.recorded. Owns sender_short_links and sender_clicks.
"""
