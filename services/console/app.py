"""Builds the console; the only place that constructs its parts."""

from collections.abc import Sequence
from functools import partial

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import APIRouter

from services.console.accounts import invitations_api, users_api
from services.console.accounts.account_log import AccountLog
from services.console.accounts.current_password import CurrentPassword
from services.console.accounts.failed_sign_ins import FailedSignIns
from services.console.accounts.first_user import FirstUser
from services.console.accounts.invitations import Invitations
from services.console.accounts.join import Join
from services.console.accounts.own_sessions import OwnSessions
from services.console.accounts.second_factors import SecondFactors
from services.console.accounts.second_step import SecondStep
from services.console.accounts.sessions import Sessions
from services.console.accounts.sign_in import SignIn
from services.console.accounts.users import Users
from services.console.calls import ServiceCalls
from services.console.identity.provider import IdentityProvider
from services.console.identity.settings import IdentitySettings
from services.console.identity.sign_in import IdentitySignIn
from services.console.imports.jobs import ImportJobs
from services.console.loops import create_loops
from services.console.needs import KeptNeeds
from services.console.pages.consent import ConsentPages
from services.console.pages.controls import ControlsPage
from services.console.pages.deliverability import DeliverabilityPage
from services.console.pages.flow_editor import FlowEditor
from services.console.pages.flows import FlowPages
from services.console.pages.home import HomePage
from services.console.pages.imports import ImportPages
from services.console.pages.inbox import InboxPages
from services.console.pages.invitations import InvitationPages
from services.console.pages.messages import MessagesPage
from services.console.pages.notifications import NotificationsPage
from services.console.pages.own_sign_in import OwnSignInPages
from services.console.pages.parked import ParkedEventsPage
from services.console.pages.people import PeoplePages
from services.console.pages.results import ResultsPage
from services.console.pages.rows import RowPages
from services.console.pages.saved_answers import SavedAnswersPage
from services.console.pages.search import SearchPage
from services.console.pages.settings import SettingsPages
from services.console.pages.sources import SourcesPage
from services.console.pages.stories import StoryPages
from services.console.pages.unassigned import UnassignedPages
from services.console.rendering import PageRenderer, file_problems
from services.console.settings import ConsoleSettings
from services.console.tables import metadata, system_tables
from shared.http.audit_routes import create_audit_router
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
    account_log = AccountLog.of(runtime.sealer)
    sessions, users = sessions_of(runtime), Users(runtime.units, account_log)
    identity = IdentitySettings()
    renderer = PageRenderer(partial(file_problems, runtime.merchants), identity.shown_name)
    kept, jobs = KeptNeeds(runtime.clock), ImportJobs(runtime.units, reached)
    factors = SecondFactors(runtime.units, account_log, AESGCM(_own_key(runtime, calls, reached)))
    current = CurrentPassword(users, factors)
    return Service(
        name="console",
        metadata=metadata,
        system_tables=system_tables,
        units=runtime.units,
        consumer=None,
        tasks=WatchedTasks("console"),
        routers=(
            *_account_routers(runtime, reached, renderer, sessions, users, factors, identity, current),
            create_audit_router(account_log.audit, runtime.units),
            UnassignedPages(reached, renderer).create_router(sessions),
            InboxPages(reached, renderer, runtime.clock, partial(users.names, scope="replies:write")).create_router(
                sessions
            ),
            SavedAnswersPage(reached, renderer).create_router(sessions),
            ControlsPage(reached, renderer, partial(users.names, scope="controls:write")).create_router(sessions),
            FlowEditor(reached, renderer).create_router(sessions),
            FlowPages(reached, renderer).create_router(sessions),
            SettingsPages(reached, renderer, users, current, runtime.merchants).create_router(sessions),
            renderer.create_router(),
            ImportPages(reached, renderer, jobs).create_router(sessions),
            ConsentPages(reached, renderer, runtime.clock).create_router(sessions),
            HomePage(reached, renderer, kept).create_router(sessions),
            ResultsPage(reached, renderer, runtime.clock).create_router(sessions),
            DeliverabilityPage(reached, renderer, runtime.clock).create_router(sessions),
            SourcesPage(reached, renderer).create_router(sessions),
            ParkedEventsPage(reached, renderer, kept).create_router(sessions),
            NotificationsPage(reached, renderer, kept).create_router(sessions),
            RowPages(reached, renderer).create_router(sessions),
            StoryPages(reached, renderer).create_router(sessions),
            MessagesPage(reached, renderer).create_router(sessions),
            PeoplePages(reached, renderer).create_router(sessions),
            SearchPage(reached, renderer).create_router(sessions),
        ),
        loops=create_loops(runtime, jobs),
        on_stop=(jobs.close, reached.close),
    )


def _account_routers(
    runtime: Runtime,
    reached: ServiceCalls,
    renderer: PageRenderer,
    sessions: Sessions,
    users: Users,
    factors: SecondFactors,
    identity: IdentitySettings,
    current: CurrentPassword,
) -> Sequence[APIRouter]:
    """Return the routes by which people become users and sign in."""
    units, merchants, address = runtime.units, runtime.merchants, runtime.settings.address
    failed = FailedSignIns(units, users.log)
    sign_in = SignIn(sessions, users, factors, failed, renderer, runtime.clock, address)
    invitations = Invitations(units, merchants, users.log)
    by_identity = _identity_sign_in(runtime, renderer, users, sign_in, invitations, identity)
    return (
        sign_in.create_codes_router(),
        users_api.create_router(users),
        sign_in.create_router(),
        SecondStep(sign_in, factors, failed, renderer, runtime.clock).create_router(),
        OwnSignInPages(reached, renderer, current, factors, OwnSessions(units, users.log)).create_router(sessions),
        FirstUser(sessions, users, sign_in, renderer, merchants).create_router(),
        invitations_api.create_router(invitations, address),
        Join(invitations, sessions, users, sign_in, renderer, runtime.clock, by_identity).create_router(),
        *((by_identity.create_router(),) if by_identity is not None else ()),
        InvitationPages(reached, renderer, invitations, address).create_router(sessions),
    )


def _own_key(runtime: Runtime, calls: ServiceCalls | None, reached: ServiceCalls) -> bytes:
    """Return the key that seals what is the console's own.

    Embedded it is derived from the keyring, whose hash key never rotates; a console that runs alone has no keyring, and
    derives it from the key that signs its calls.
    """
    purpose = "secrets of the console's users"
    return runtime.sealer.keyed_hash(purpose) if calls is not None else reached.signer.derived(purpose)


def _identity_sign_in(
    runtime: Runtime,
    renderer: PageRenderer,
    users: Users,
    sign_in: SignIn,
    invitations: Invitations,
    settings: IdentitySettings,
) -> IdentitySignIn | None:
    """Return the way through the identity provider; None where none is named.

    Raises:
        ConfigurationFault: its settings cannot be used.
    """
    if not settings.issuer:
        return None
    provider = IdentityProvider.of(settings, runtime.clock)
    return IdentitySignIn(
        provider, settings.shown_name, users, sign_in, invitations, renderer, runtime.clock, runtime.settings.address
    )


def sessions_of(runtime: Runtime) -> Sessions:
    """Return the sessions of a process's console."""
    hours = ConsoleSettings().session_hours
    return Sessions(runtime.units, runtime.merchants, hours, AccountLog.of(runtime.sealer))
