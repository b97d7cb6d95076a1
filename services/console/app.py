"""Builds the console; the only place that constructs its parts."""

from functools import partial

from services.console import users_api
from services.console.calls import ServiceCalls
from services.console.controls_page import ControlsPage
from services.console.first_user import FirstUser
from services.console.loops import create_loops
from services.console.pages import ConsolePages
from services.console.rendering import PageRenderer, file_problems
from services.console.sessions import Sessions
from services.console.settings import ConsoleSettings
from services.console.sign_in import SignIn
from services.console.tables import metadata, system_tables
from services.console.users import Users
from shared.service import Runtime, Service
from shared.tasks import WatchedTasks


def build(runtime: Runtime, calls: ServiceCalls | None = None) -> Service:
    """Return the console, ready to be run by a process.

    Args:
        runtime: of the process.
        calls: how it reaches the other services; by default at the addresses of the settings.

    Raises:
        ConfigurationFault: no signing key is named, or it cannot be read.
    """
    settings = ConsoleSettings()
    reached = calls or ServiceCalls.of(settings, runtime.clock)
    sessions, users = sessions_of(runtime), Users(runtime.units)
    renderer = PageRenderer(partial(file_problems, runtime.merchants))
    sign_in = SignIn(sessions, users, renderer, runtime.clock, runtime.settings.address)
    first_user = FirstUser(sessions, users, sign_in, renderer, runtime.merchants)
    return Service(
        name="console",
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=None,
        tasks=WatchedTasks("console"),
        routers=(
            sign_in.create_codes_router(),
            users_api.create_router(users),
            sign_in.create_router(),
            first_user.create_router(),
            ControlsPage(reached, renderer).create_router(sessions),
            ConsolePages(reached, renderer).create_router(sessions),
        ),
        loops=create_loops(runtime.units),
        on_stop=(reached.close,),
    )


def sessions_of(runtime: Runtime) -> Sessions:
    """Return the sessions of a process's console."""
    return Sessions(runtime.units, runtime.merchants, ConsoleSettings().session_hours)
