"""The files of the deployment, as the tests read them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "k8s" / "base"
EXAMPLE = DEPLOY / "k8s" / "overlays" / "example"
SERVICES = ("ingest", "scheduler", "compliance", "sender", "metrics", "connectors", "console")
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


class Unset(Exception):
    """A variable without a default is not set; the message is the one in the file."""


def compose() -> dict[str, Any]:
    """Return the compose file, its anchors merged."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return document


def interpolated(text: str, environment: Mapping[str, str]) -> str:
    """Return a text with its variables filled in, as Compose does it.

    Raises:
        Unset: a variable that must be set is not, or is empty.
    """

    def value(found: re.Match[str]) -> str:
        name, how, rest = found.groups()
        if environment.get(name):
            return environment[name]
        if how == "-":
            return str(rest)
        raise Unset(f"{name}: {rest}")

    return _VARIABLE.sub(value, text)


def environment_of(path: Path) -> dict[str, str]:
    """Return the variables of a .env file."""
    lines = [line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {name: value for name, equals, value in lines if equals}


def manifests(folder: Path = BASE) -> Sequence[dict[str, Any]]:
    """Return every resource of a folder of manifests."""
    files = [path for path in sorted(folder.glob("*.yaml")) if path.name != "kustomization.yaml"]
    return [each for path in files for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def of_kind(resources: Sequence[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    """Return the resources of some kinds."""
    return [each for each in resources if each["kind"] in kinds]
