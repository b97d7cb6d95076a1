"""Flows that are in no file: their names are reserved."""

from typing import Final

API_FLOW: Final = "api"
"""Of follow-ups requested by `POST /v1/follow-ups`."""
ANSWER_FLOW: Final = "answer"
"""Of answers to HELP and STOP."""
TEST_FLOW: Final = "test"
"""Of test texts to the shop's own phones (`test_recipients` of merchant.yaml); no figure counts them."""
BUILT_IN_FLOWS: Final = frozenset({API_FLOW, ANSWER_FLOW, TEST_FLOW})
