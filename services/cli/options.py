"""Options that several commands share, and the settings made from them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from shared.settings import ProcessSettings

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
