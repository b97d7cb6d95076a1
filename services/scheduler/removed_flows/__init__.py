"""Flows that are in no merchant file any more while texts of them are planned: said, and paused until answered."""
