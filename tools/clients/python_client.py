"""The generated modules of `clients/python`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.clients.document import read
from tools.clients.python_methods import ASYNCHRONOUS, THREADED, module
from tools.clients.python_types import PythonTypes

FOLDER: Final = Path(__file__).parents[2] / "clients" / "python" / "followup_client"


def modules(document: Mapping[str, Any]) -> dict[Path, str]:
    """Return each generated module of the client of an OpenAPI document, by its path."""
    found = read(document)
    return {
        FOLDER / "models.py": PythonTypes(found).module(),
        **{FOLDER / f"{each.module}.py": module(found, each) for each in (THREADED, ASYNCHRONOUS)},
    }
