"""The console: pages that show a merchant's follow-ups, signed in with an API key of the scope `metrics:read`."""
