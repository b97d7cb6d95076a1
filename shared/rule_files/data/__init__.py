"""The rules as data: hours, caps and holidays by jurisdiction, area codes, postal prefixes."""
