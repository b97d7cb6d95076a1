"""A role and a schema for each service, so that none can read another's tables."""

from collections.abc import Sequence

from shared.db.postgres_driver import connect
from shared.db.postgres_faults import unreachable
from shared.errors import ConfigurationFault

ROLE_PREFIX = "followup_"


def statements(service: str, password: str | None, *, role: str | None = None) -> Sequence[str]:
    """Return what an owner of the database runs, once or again, before a service's first start.

    Args:
        service: names the schema.
        password: of the role; None leaves it as it is, or lets the server's own rules decide.
        role: the role's name; `followup_<service>` where none is given.
    """
    owner = role or f"{ROLE_PREFIX}{service}"
    if any('"' in name or "\0" in name for name in (service, owner)):
        raise ConfigurationFault("a role or schema name holds a quotation mark")
    secret = "" if password is None else f" PASSWORD {_literal(password)}"
    return (
        f'DO $$ BEGIN CREATE ROLE "{owner}" LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$',
        f'ALTER ROLE "{owner}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE{secret}',
        f'GRANT "{owner}" TO CURRENT_USER',
        f'CREATE SCHEMA IF NOT EXISTS "{service}" AUTHORIZATION "{owner}"',
        f'REVOKE ALL ON SCHEMA "{service}" FROM PUBLIC',
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f'ALTER ROLE "{owner}" SET search_path = "{service}"',
    )


async def provision(url: str, service: str, password: str | None = None, *, role: str | None = None) -> None:
    """Create a service's role and schema, as the owner of the database that `url` names; harmless when repeated.

    Raises:
        DatabaseUnavailable: the server cannot be reached now.
        ConfigurationFault: it refuses the connection.
    """
    try:
        connection = await connect(url, timeout_seconds=5)
    except Exception as problem:
        raise unreachable(problem) from problem
    try:
        async with connection.transaction():
            for statement in statements(service, password, role=role):
                await connection.execute(statement)
    finally:
        await connection.close()


def _literal(text: str) -> str:
    """Return a text as SQL quotes it."""
    return "'" + text.replace("'", "''") + "'"
