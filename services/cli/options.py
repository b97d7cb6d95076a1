"""Options that several commands share, and the settings made from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.config.problem import did_you_mean
from shared.errors import ConfigurationFault
from shared.settings import ProcessSettings
from shared.vocabulary.service_names import SERVICES

MerchantsOption = Annotated[
    Path | None, typer.Option("--merchants", help="Folder of merchant and flow files (default: merchants).")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the database and the keyring (default: data).")
]
PortOption = Annotated[int | None, typer.Option("--port", help="HTTP port; 0 picks a free one (default: 8080).")]
HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on (default: 127.0.0.1).")]

ServicesOption = Annotated[
    list[str] | None, typer.Option("--service", help="Only this service; repeat for more (default: all).")
]


def settings_of(**given: Any) -> ProcessSettings:
    """Return the environment's settings, overridden by the options that were given."""
    return ProcessSettings(**{name: value for name, value in given.items() if value is not None})


def known_services(names: Sequence[str] | None, services: Sequence[str] = SERVICES) -> Sequence[str]:
    """Return the named services, or all.

    Raises:
        ConfigurationFault: there is no such service.
    """
    for name in names or ():
        if name not in services:
            raise ConfigurationFault(f"there is no service {name}; {did_you_mean(name, services)}")
    return names or services
