"""Roles: what each may do, said once."""

from shared.config.vocabulary import SCOPES
from shared.vocabulary.roles import CONSOLE_SCOPES, SCOPES_OF, Role


def test_every_role_has_its_scopes_and_they_exist() -> None:
    assert set(SCOPES_OF) == set(Role)
    assert all(scopes <= set(SCOPES) for scopes in SCOPES_OF.values())


def test_no_role_may_more_than_an_owner_and_the_owner_no_more_than_the_console() -> None:
    assert all(scopes <= SCOPES_OF[Role.OWNER] for scopes in SCOPES_OF.values())
    assert SCOPES_OF[Role.OWNER] == CONSOLE_SCOPES


def test_a_viewer_changes_nothing() -> None:
    assert not [scope for scope in SCOPES_OF[Role.VIEWER] if not scope.endswith(":read")]


def test_everybody_sees_the_first_page() -> None:
    assert all("metrics:read" in scopes for scopes in SCOPES_OF.values())


def test_the_console_reports_no_events() -> None:
    assert "events:write" not in CONSOLE_SCOPES
