"""Thirty days of a shop, lived through by the running application on the demo's clock."""
