"""Rights: erasure with a certificate, and a copy of everything all services hold (GDPR articles 15, 17, 20)."""
