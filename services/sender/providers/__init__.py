"""SMS providers behind one port: one module each, and no other module knows a vendor's terms."""
