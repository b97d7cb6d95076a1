"""The simulated provider: speaks Twilio's Messages API over HTTP, keeps every text it accepts, and shows it on a phone.

An app of its own that shares no code with the sender it is a provider to: what it counts is evidence. In: texts
over `/2010-04-01/`, replies typed on a virtual phone. Out: signed status callbacks and signed inbound texts.
Tables owned: `texts`, `blocks`, `holds`, in a SQLite file of its own.
"""
