"""What an integration test may say about the databases it runs on."""

import pytest


def only_on_sqlite(why: str) -> pytest.MarkDecorator:
    """Return the mark of a test that has nothing to do with PostgreSQL, and say why."""
    assert why
    return pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
