"""`followup pause`, `stop`, `resume` and `controls`: what people decide about texts that are planned."""

import functools
import inspect
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from services.cli.api_client import APIClient, open_client
from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.errors import ConfigurationFault

_PATH = "/v1/controls"
_BY_FILES = "files"
"""Who made the pause of a flow that was removed from the merchant files."""
_LOOKS = 20
_LOOK_SECONDS = 0.25
MerchantArgument = Annotated[
    str | None, typer.Argument(help="The merchant; its texts as a whole where nothing else is named.")
]
FlowOption = Annotated[str | None, typer.Option(help="Only this flow.")]
StepOption = Annotated[str | None, typer.Option(help="Only this text of the flow.")]
NumberOption = Annotated[str | None, typer.Option(help="Only what is sent from this number.")]
ProviderOption = Annotated[str | None, typer.Option(help="Only what is sent through this provider.")]
ToOption = Annotated[str | None, typer.Option(help="Only texts to this person, by phone number.")]
RecipientOption = Annotated[str | None, typer.Option(help="Only texts to this person, by recipient id.")]
EverythingOption = Annotated[bool, typer.Option("--everything", help="Every merchant of this installation.")]
WhyOption = Annotated[str, typer.Option(help="The reason, for those who look later.")]
UntilOption = Annotated[str | None, typer.Option(help="When it ends by itself: 2026-12-01T08:00:00Z.")]
Scope = dict[str, Any]
"""The scope as the API takes it, and the merchant that asks under `merchant`."""


def _scope_of(
    merchant: MerchantArgument = None,
    flow: FlowOption = None,
    step: StepOption = None,
    number: NumberOption = None,
    provider: ProviderOption = None,
    to: ToOption = None,
    recipient: RecipientOption = None,
    everything: EverythingOption = False,  # noqa: FBT002 - a flag
) -> Scope:
    """Return the scope that a command's options name.

    Raises:
        ConfigurationFault: no merchant is named, or one beside `--everything`.
    """
    narrower = {
        "flow": flow, "step": step, "number": number, "provider": provider, "to": to, "recipient": recipient
    }  # fmt: skip
    if (merchant is None) != everything:
        raise ConfigurationFault("name a merchant, or --everything for all of them")
    return {"merchant": merchant, "everything": everything, **narrower}


def _scoped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a scope, and hand it the scope in place of them."""
    naming = inspect.signature(_scope_of).parameters
    asked, *rest = [each for each in inspect.signature(command).parameters.values() if each.name != "scope"]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        scope = _scope_of(**{name: given.pop(name) for name in naming})
        command(scope, **given)

    with_options.__signature__ = inspect.Signature([asked, *naming.values(), *rest])  # type: ignore[attr-defined] # as inspect documents
    return with_options


@_scoped
def pause(
    scope: Scope,
    why: WhyOption,
    until: UntilOption = None,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Let texts wait; what becomes due meanwhile goes when the pause ends, if it is not too late by then.

    Example: followup pause acme --flow win-back --why "wrong code"

    Example: followup pause acme --until 2026-12-26T08:00:00Z --why "holidays"
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        _change(client, "pause", scope, why, until)


@_scoped
def stop(
    scope: Scope,
    why: WhyOption,
    until: UntilOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before planned texts are cancelled.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Cancel planned texts, after saying how many; what becomes due later ends too, until `followup resume`.

    Example: followup stop acme --flow win-back --why "the offer is over"
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if not yes:
            asked = client.post(_caller(client, scope), _PATH, _body("stop", scope, why, until, dry_run=True))
            most = f"{'' if asked['is_exact'] else 'at least '}{asked['follow_ups']}"
            typer.confirm(f"{most} planned texts will be cancelled, which cannot be undone. Go on?", abort=True)
        _change(client, "stop", scope, why, until)


@_scoped
def resume(
    scope: Scope,
    why: WhyOption,
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Lift what is paused or stopped on exactly this scope; due texts go on at their numbers' pace.

    Example: followup resume acme --flow win-back --why "the code works now"
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        _change(client, "resume", scope, why, None)


def controls(
    merchant: Annotated[str | None, typer.Argument(help="Only this merchant (default: all).")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,  # noqa: FBT002 - a flag
    merchants: MerchantsOption = None,
    data: DataOption = None,
) -> None:
    """Show what is paused and stopped, since when, by whom and why, and how many texts wait.

    Example: followup controls acme --all
    """
    with open_client(settings_of(merchants_dir=merchants, data_dir=data)) as client:
        if merchant is not None:
            client.require(merchant)
        found: dict[str, dict[str, Any]] = {}
        for name in [merchant] if merchant is not None else client.merchants:
            page = client.get(name, f"{_PATH}?limit=200&state={'all' if all_ else 'in_force'}") or {"controls": []}
            found |= {control["control_id"]: control for control in page["controls"]}
    for control in found.values():
        typer.echo(line(control))
    if not found:
        typer.echo("Nothing is paused or stopped.")


def line(control: dict[str, Any]) -> str:
    """Return a control in one line."""
    scope = ", ".join(f"{name} {value}" for name, value in control["scope"].items() if value not in {None, True, False})
    what = {"pause": "paused", "stop": "stopped"}[control["action"]]
    reason = "" if control["reason"] is None else f" ({control['reason']})"
    words = [f"{what}: {scope or 'everything'}, since {control['made_at']} by {control['made_by']}{reason}"]
    if control["lifted_at"] is not None:
        words.append(f"lifted {control['lifted_at']} by {control['lifted_by']}")
    elif control["until"] is not None:
        words.append(f"until {control['until']}")
    if control["lifted_at"] is None and control["in_force_at"] is None:
        words.append("NOT YET obeyed by the sender")
    counts = {"waiting": control["waiting"], "cancelled": control["cancelled"]}
    words += [f"{count} {name}" for name, count in counts.items() if count]
    if control["made_by"] == _BY_FILES and control["lifted_at"] is None:
        words.append("`followup resume` finishes these texts, `followup stop` cancels them")
    return "; ".join(words) + (" (in progress)" if control["in_progress"] else "")


def _caller(client: APIClient, scope: dict[str, Any]) -> str:
    """Return the merchant in whose name to ask; about everything, any."""
    merchant: str | None = scope["merchant"]
    if merchant is not None:
        client.require(merchant)
        return merchant
    if not client.merchants:
        raise ConfigurationFault("there is no merchant here")
    return next(iter(client.merchants))


def _body(action: str, scope: dict[str, Any], why: str, until: str | None, *, dry_run: bool = False) -> dict[str, Any]:
    given = {name: value for name, value in scope.items() if value}
    if len(given) > 1:
        given.pop("merchant", None)
    return {"action": action, "scope": given, "reason": why, "until": until, "dry_run": dry_run}


def _change(client: APIClient, action: str, scope: dict[str, Any], why: str, until: str | None) -> None:
    """Ask for a change, wait a moment for the sender to obey, and say what is in force."""
    caller = _caller(client, scope)
    answer = client.post(caller, _PATH, _body(action, scope, why, until))
    for control in answer["controls"]:
        typer.echo(line(control if action == "resume" else _obeyed(client, caller, control)))
    if action != "resume":
        typer.echo(f"{answer['follow_ups']} planned texts are concerned.")


def _obeyed(client: APIClient, caller: str, control: dict[str, Any]) -> dict[str, Any]:
    """Return a control once the sender obeys it, or as it is after some seconds."""
    for _ in range(_LOOKS):
        if control["in_force_at"] is not None:
            break
        time.sleep(_LOOK_SECONDS)
        page = client.get(caller, f"{_PATH}?limit=200") or {"controls": []}
        found = {each["control_id"]: each for each in page["controls"]}
        control = found.get(control["control_id"], control)
    return control
