"""Why a row of a consent file is refused, in words."""

from typing import Final

REASONS: Final = {
    "no_evidence": "no proof",
    "unusable_number": "no number to text",
    "invalid": "cannot be read",
    "not_importable": "not for a file",
    "erased": "was forgotten",
    "unreadable": "not CSV",
}
"""By the reason in the answer of `POST /v1/consents/imports`."""
