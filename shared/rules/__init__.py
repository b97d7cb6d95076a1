"""The sending rules as immutable values: hours, holidays, zones and places; pure, loaded by `shared.rule_files`."""
