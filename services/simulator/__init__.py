"""The simulated provider: serves Twilio's Messages API over HTTP, stores every text it accepts, shows it on a phone.

An application of its own that shares no code with the sender, so that its counts are independent evidence. In: texts
over `/2010-04-01/`, replies typed on a virtual phone. Out: signed status callbacks and signed inbound texts.
Tables owned: `texts`, `blocks`, `holds`, in a SQLite file of its own.
"""
