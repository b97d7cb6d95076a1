"""The console: pages for the people who run it, their users, roles and sessions.

Topics in: none. Topics out: none. Tables: `users`, `sessions`. It reaches the other services by their HTTP paths
alone, in the name of who is signed in.
"""
