"""`followup test`: the flows of a shop, tried by the application that sends their texts.

Each case runs the whole embedded application in a folder of its own: only the clock, the log and the sender are other
than in production. The clock jumps from one due time to the next; texts go to simulated phones.
"""
