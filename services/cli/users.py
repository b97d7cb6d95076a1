"""`followup users`: who may sign in to the console by name, in which role."""

import sys
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import typer

from services.cli.api_client import open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.errors import ConfigurationFault
from shared.vocabulary.roles import Role

users = typer.Typer(help="Users of the console: add or invite, list, reset a password, remove.", no_args_is_help=True)

_PATH = "/console/users"
_INVITATIONS = "/console/invitations"
_LONGEST = 200
MerchantArgument = Annotated[str, typer.Argument(help="The merchant that the user belongs to.")]
NameArgument = Annotated[str, typer.Argument(help="The name to sign in with: anna, or anna@acme.example.")]


@users.command()
def add(
    merchant: MerchantArgument,
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.VIEWER,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Add a user; asks for the password, or reads it as a line from standard input.

    Example: followup users add acme anna --role owner
    """
    password = _password()
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        made = client.post(merchant, _PATH, {"name": name, "role": role.value, "password": password})
    typer.echo(f"{made['name']} may sign in to the console of {merchant} as {made['role']}.")


@users.command(name="list")
def list_(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """List the users, with their roles and how they sign in.

    Example: followup users list acme
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        lines = [
            line(name, user)
            for name in ([merchant] if merchant is not None else client.merchants)
            for user in (client.get(name, _PATH) or {"users": []})["users"]
        ]
    for each in lines or ["There are no users; `followup users add` makes one."]:
        typer.echo(each)


@users.command()
def reset(
    merchant: MerchantArgument, name: NameArgument, merchants: MerchantsOption = None, data: DataOption = None
) -> None:
    """Set another password; whoever is signed in as this user is signed out.

    Example: followup users reset acme anna
    """
    password = _password()
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        client.post(merchant, f"{_PATH}/{quote(name, safe='')}/password", {"password": password})
    typer.echo(f"{name} has another password; every session has ended.")


@users.command()
def remove(
    merchant: MerchantArgument, name: NameArgument, merchants: MerchantsOption = None, data: DataOption = None
) -> None:
    """Remove a user; whoever is signed in as this user is signed out.

    Example: followup users remove acme anna
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        client.delete(merchant, f"{_PATH}/{quote(name, safe='')}")
    typer.echo(f"{name} is removed; every session has ended.")


@users.command()
def invite(
    merchant: MerchantArgument,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.VIEWER,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Print a link by which one person makes their own user, once, within 72 hours.

    Example: followup users invite acme --role support
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        made = client.post(merchant, _INVITATIONS, {"role": role.value})
    typer.echo(made["link"])
    typer.echo(
        f"For one {role.value} of {merchant}, within {made['hours']} hours; it is shown this once. "
        f"`followup users withdraw {merchant} {made['invitation_id']}` takes it back.",
        err=True,
    )


@users.command()
def invitations(merchant: MerchantArgument, merchants: MerchantsOption = None, data: DataOption = None) -> None:
    """List the invitations, with what became of each; what has ended is listed for a week.

    Example: followup users invitations acme
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        found = (client.get(merchant, _INVITATIONS) or {"invitations": []})["invitations"]
    for each in found:
        state = f"used by {each['used_by']}" if each["used_by"] else each["state"].replace("_", " ")
        typer.echo(f"{each['invitation_id']}  {each['role']}, {state}, by {each['made_by']}, until {each['ends_at']}")
    if not found:
        typer.echo(f"There are no invitations; `followup users invite {merchant} --role support` makes one.")


@users.command()
def withdraw(
    merchant: MerchantArgument,
    invitation: Annotated[UUID, typer.Argument(help="The id that `followup users invitations` shows.")],
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Withdraw an invitation: its link makes no user any more.

    Example: followup users withdraw acme 8a2d1f60-5f3c-4f0e-9a53-0d1f2c3b4a59
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        client.require(merchant)
        gone = client.delete(merchant, f"{_INVITATIONS}/{invitation}")
    typer.echo(f"The invitation of a {gone['role']} is withdrawn.")


def line(merchant: str, user: dict[str, Any]) -> str:
    """Return a user in one line."""
    way = f"signs in at {user['issuer']}" if user.get("issuer") else f"password set {user['changed_at']}"
    steps = ", two steps" if user.get("has_second_factor") else ""
    return f"{merchant}: {user['name']}, {user['role']}, {way}{steps}"


def _password() -> str:
    """Return the password that was typed twice, or a line of standard input; it is no argument, which others can see.

    Raises:
        ConfigurationFault: there is none.
    """
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    given = sys.stdin.readline(_LONGEST + 2).rstrip("\r\n")
    if not given:
        raise ConfigurationFault("standard input holds no password; write it as one line, or run this in a terminal")
    return given
