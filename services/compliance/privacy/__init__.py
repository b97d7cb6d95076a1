"""Rights: erasure with a certificate, and a copy of everything all five services hold (GDPR articles 15, 17, 20)."""
