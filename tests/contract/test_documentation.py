"""The reference pages say what the code says, and every page's links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.telemetry.metrics import catalogue

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def test_the_reference_pages_are_current() -> None:
    # In a process of its own: other tests of this one declare metrics that the shipped command never loads.
    checked = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert broken == []


def test_metric_labels_are_never_an_id_or_a_number() -> None:
    suspicious = {"id", "follow_up_id", "recipient_id", "phone", "number", "to", "from", "text"}
    assert [metric.name for metric in catalogue() if suspicious & set(metric.labels)] == []
