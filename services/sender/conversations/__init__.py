"""The inbox: what people wrote and were sent, who handles it, and whether an unclear reply was an opt-out."""
