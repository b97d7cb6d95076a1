"""Who may use the console: users, their passwords and sessions, and signing in."""
