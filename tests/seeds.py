"""The seed of what is random in the long runs: another one with `make torture SEED=7`, and each is reproducible."""

import os
from typing import Final

SEED: Final = int(os.environ.get("FOLLOWUP_TORTURE_SEED", "0"))
