"""The sending rules as immutable values: hours, holidays, zones and places. Pure; `shared.rule_files` loads them."""
