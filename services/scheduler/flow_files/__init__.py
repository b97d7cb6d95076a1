"""Flow files changed over HTTP: checked in a process of its own, saved by the process that owns the folder."""
