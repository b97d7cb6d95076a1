"""Signing in with an account of one's own identity provider (OpenID Connect)."""
