"""SMS providers behind one protocol: one file each, and nothing outside it knows a vendor's words."""
