"""Every path that a page names exists, and lists that must agree do."""

import re
from pathlib import Path

import pytest

from services.ingest.webhooks_api import SOURCES
from shared.config.vocabulary import SOURCES_BUILT
from tests.docs.snippets import DOCS, pages

ROOT = DOCS.parent
_PATH = re.compile(r"`((?:services|shared|tests|tools|deploy|bench|docs)/[\w./-]*)`")
_INVENTED = {"services/ingest/sources/toy_shop.py", "services/sender/providers/toy.py"}
"""The files that the examples make."""


@pytest.mark.parametrize("page", [*pages(), ROOT / "CONTRIBUTING.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_named_exists(page: Path) -> None:
    named = set(_PATH.findall(page.read_text("utf-8"))) - _INVENTED
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_source_that_merchant_files_may_use_has_its_adapter() -> None:
    assert set(SOURCES) == SOURCES_BUILT
